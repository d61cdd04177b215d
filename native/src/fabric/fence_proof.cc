// The start-up proof of the fence: a link of the domain to itself, and a late write.
//
//   writer ── burst ──▶ fenced: arrives
//                       fence, register the same memory anew (the natural hand-over)
//   writer ── late write with the old key ──▶ must not land
#include <chrono>
#include <cstring>
#include <thread>

#include "fabric_link.h"

namespace synod {
namespace {

constexpr uint64_t kCapacity = 16384;
constexpr int kArriveMsMax = 5000;
constexpr int kLateMs = 60;
constexpr uint32_t kLength = 64;

template <typename Condition>
bool turnUntil(int limitMs, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(limitMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

int FabricDomain::proveFence() {
  // Within one process, providers without connections hand over pointers and may touch an endpoint that is gone: nothing is proven
  // about them here, and their links never give an address to something else (FabricLink::giveUpMemory).
  if (!hasConnections()) return 0;
  auto writer = std::make_shared<FabricLink>(shared_from_this(), nullptr);
  auto fenced = std::make_shared<FabricLink>(shared_from_this(), nullptr);
  int rc = writer->create(kCapacity);
  if (rc == 0) rc = fenced->create(kCapacity);
  if (rc != 0) return rc;
  add(writer);
  add(fenced);
  rc = proveFenceOf(*writer, *fenced);
  writer->close();
  fenced->close();
  return rc;
}

int FabricDomain::proveFenceOf(FabricLink& writer, FabricLink& fenced) {
  int rc = fenced.meet(writer.offer(), false);
  if (rc == 0) rc = writer.meet(fenced.offer(), true);
  if (rc != 0) return rc;
  std::vector<std::shared_ptr<FabricLink>> links;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links = links_;
  }
  bool isArmed = false;
  const bool isUp = turnUntil(kArriveMsMax, [&] {
    turn(links, &isArmed);
    return writer.state() != LinkState::kConnecting && fenced.state() != LinkState::kConnecting;
  });
  if (!isUp || writer.state() != LinkState::kUp || fenced.state() != LinkState::kUp) return isUp ? writer.reason() | fenced.reason() : -ETIMEDOUT;
  std::vector<uint8_t> source(4096, 0x5a);
  std::vector<uint8_t> target(kCapacity);
  const bool isSent = turnUntil(kArriveMsMax, [&] {
    turn(links, &isArmed);
    fenced.poll(target.data(), 0);
    return writer.send({source.data(), source.size(), source.data(), kLength, 0}) != 0;
  });
  if (!isSent || writer.reason() != 0) return writer.reason() != 0 ? writer.reason() : -ETIMEDOUT;
  const bool isThere = turnUntil(kArriveMsMax, [&] {
    turn(links, &isArmed);
    return fenced.poll(target.data(), target.size()) > 0;
  });
  if (!isThere) return -ETIMEDOUT;

  fenced.fence();
  uint8_t* bytes = const_cast<uint8_t*>(fenced.memory());
  ofi::MemoryRegion* anew = nullptr;
  rc = registerMemory(bytes, kMailboxData + kCapacity, ofi::kRemoteWrite | ofi::kWrite, &anew);
  if (rc != 0) return rc;
  uint8_t* place = bytes + kMailboxData + kCapacity / 2;
  memset(place, 0, kLength);
  writer.scribble(kCapacity / 2, source.data(), kLength);
  const std::vector<uint8_t> untouched(kLength, 0);
  const bool isBroken = turnUntil(kLateMs, [&] {
    turn(links, &isArmed);
    return memcmp(place, untouched.data(), kLength) != 0;
  });
  anew->fid.ops->close(&anew->fid);
  fence_ = isBroken ? FenceProof::kBroken : FenceProof::kProven;
  return isBroken ? -EPERM : 0;
}

}  // namespace synod
