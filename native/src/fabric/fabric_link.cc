#include "fabric_link.h"

#include <ctime>
#include <sys/mman.h>

namespace synod {
namespace {

constexpr uint32_t kCreditData = 1u << 31;
constexpr uint32_t kBurstData = 0;
constexpr double kUnfinishedMsMax = 2000;  // a burst that is not whole by then never will be
constexpr int kErrorAvailable = 259;       // FI_EAVAIL

double nowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

// Released position and its complement: eight bytes can arrive in two halves.
struct Credit {
  uint64_t released, inverse;
};

template <typename Object>
void closeObject(Object*& object) {
  if (object != nullptr) object->fid.ops->close(&object->fid);
  object = nullptr;
}

}  // namespace

int FabricLink::hasRoom(uint32_t length) {
  std::lock_guard<std::mutex> lock(mutex_);
  return makeRoom(length);
}

int FabricLink::makeRoom(uint32_t length) {
  if (isClosed_ || reason_ != 0) return reason_ != 0 ? reason_.load() : -ENOTCONN;
  if (state_ != LinkState::kUp) return 0;
  if (length > writer_.lengthMax()) return -EMSGSIZE;
  if (!findsRoom(length)) progress();
  if (reason_ != 0) return reason_;
  isBlocked_ = !findsRoom(length);
  blockedLength_ = length;
  return isBlocked_ ? 0 : 1;
}

int FabricLink::send(const BurstSource& source) {
  std::lock_guard<std::mutex> lock(mutex_);
  const int room = makeRoom(source.length);
  if (room != 1) return room;
  void* descriptors[2] = {headerRegion_->descriptor, nullptr};
  int rc = domain_->describeSource(source.region, source.regionSize, &descriptors[1]);
  if (rc != 0) return fail(rc);
  const uint64_t padding = writer_.paddingFor(source.length);
  if (padding > 0) {
    Slot* slot = freeSlot();
    uint8_t* header = headers_ + (slot - slots_.data()) * kHeaderBytes;
    fillBurstHeader(header, writer_.written(), static_cast<uint32_t>(padding - kBurstHeader), kTagPadding, 0, writer_.seed());
    const iovec vector{header, kBurstHeader};
    rc = write(*slot, &vector, descriptors, 1, kMailboxData + writer_.place(), kBurstData);
    if (rc != 0) return rc == -EAGAIN ? (isBlocked_ = true, 0) : fail(rc);
    writer_.advance(padding);
  }
  Slot* slot = freeSlot();
  uint8_t* header = headers_ + (slot - slots_.data()) * kHeaderBytes;
  fillBurstHeader(header, writer_.written(), source.length, source.tag, crc32c(0, source.bytes, source.length), writer_.seed());
  const iovec vectors[2] = {{header, kBurstHeader}, {const_cast<uint8_t*>(source.bytes), source.length}};
  rc = write(*slot, vectors, descriptors, source.length > 0 ? 2 : 1, kMailboxData + writer_.place(), kBurstData);
  if (rc != 0) return rc == -EAGAIN ? (isBlocked_ = true, 0) : fail(rc);
  slot->isBurst = true;
  writer_.advance(burstBytes(source.length));
  return 1;
}

// 0, -EAGAIN where the provider's queue is full, or another -errno. The slot is in use only after a 0.
int FabricLink::write(Slot& slot, const iovec* vectors, void** descriptors, size_t count, uint64_t remoteOffset, uint32_t data) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += vectors[i].iov_len;
  const ofi::RmaVector remote{peer_.base + remoteOffset, length, peer_.key};
  ofi::RmaMessage message{vectors, descriptors, count, peerAddress_, &remote, 1, &slot.context, data};
  const uint64_t flags = ofi::kCompletion | (domain_->hasDoorbell() ? ofi::kRemoteCqData : 0);
  const ssize_t rc = endpoint_->rma->writeMessage(endpoint_, &message, flags);
  if (rc != 0) return static_cast<int>(rc);
  slot.isInUse = true;
  slot.isDone = false;
  slot.isBurst = false;
  nextSlot_ = (nextSlot_ + 1) % slots_.size();
  inFlight_++;
  return 0;
}

// The next slot in order, or null: what is in flight is released in the order in which it was sent.
FabricLink::Slot* FabricLink::freeSlot() {
  Slot* slot = &slots_[nextSlot_];
  return slot->isInUse ? nullptr : slot;
}

int64_t FabricLink::poll(uint8_t* target, uint64_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_ || memory_ == nullptr) return -ENOTCONN;
  progress();
  // Doorbells of a connection come in order, so the first `arrivals_` bursts have landed.
  const uint64_t arrived = domain_->hasConnections() ? arrivals_ : 0;
  const int64_t filled = reader_.poll(target, size, arrived, false);
  if (filled < 0) return fail(static_cast<int>(filled));
  if (!reader_.isUnfinished()) {
    unfinishedSinceMs_ = 0;
  } else if (unfinishedSinceMs_ == 0) {
    unfinishedSinceMs_ = nowMs();
  } else if (nowMs() - unfinishedSinceMs_ > kUnfinishedMsMax) {
    return fail(-EBADMSG);
  }
  giveCredit();
  return filled == 0 && reason_ != 0 ? reason_.load() : filled;
}

uint64_t FabricLink::released() {
  std::lock_guard<std::mutex> lock(mutex_);
  reported_ = released_;
  return released_;
}

bool FabricLink::arm() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_) return false;
  progress();
  isArmed_ = !isDue();
  return isArmed_;
}

bool FabricLink::isDue() {
  if (reason_ != 0 || released_ != reported_) return true;
  if (state_ != LinkState::kUp) return false;
  if (reader_.isReady() || (domain_->hasConnections() && arrivals_ > reader_.bursts())) return true;
  return isBlocked_ && findsRoom(blockedLength_);
}

// By the domain's thread: true when something moved.
bool FabricLink::work(bool* isArmed) {
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return true;
  if (isClosed_ || endpoint_ == nullptr) return false;
  const uint64_t before = released_ + arrivals_;
  progress();
  if (isArmed_ && isDue()) {
    isArmed_ = false;
    if (waker_) waker_->wake();
  }
  *isArmed = *isArmed || isArmed_;
  return released_ + arrivals_ != before;
}

int FabricLink::prepareWait() {
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return kMustNotWait;
  if (waitFd_ < 0 || isClosed_) return kNothingToWaitFor;
  return domain_->mayWaitFor(&queue_->fid) ? waitFd_ : kMustNotWait;
}

void FabricLink::progress() {
  if (queue_ == nullptr || reason_ != 0) return;
  ofi::CqEntry entries[32];
  while (true) {
    const ssize_t count = queue_->ops->read(queue_, entries, 32);
    if (count == -kErrorAvailable) {
      onError();
      break;
    }
    if (count <= 0) break;
    for (ssize_t i = 0; i < count; i++) onCompletion(entries[i]);
    if (count < 32) break;
  }
  settle();
  Credit credit;
  memcpy(&credit, memory_ + kMailboxCredit, sizeof credit);
  if (credit.released == ~credit.inverse && !writer_.setReleased(credit.released)) fail(-EPROTO);
}

void FabricLink::onCompletion(const ofi::CqEntry& entry) {
  const auto* context = static_cast<ofi::Context*>(entry.context);
  if (context >= reinterpret_cast<ofi::Context*>(slots_.data()) && context < reinterpret_cast<ofi::Context*>(slots_.data() + slots_.size())) {
    reinterpret_cast<Slot*>(entry.context)->isDone = true;
    return;
  }
  if ((entry.flags & ofi::kRemoteCqData) != 0 && (entry.data & kCreditData) == 0) arrivals_++;
  if (context >= receives_.data() && context < receives_.data() + receives_.size()) {
    endpoint_->message->recv(endpoint_, headers_, 0, headerRegion_->descriptor, ofi::kAddrUnspec, entry.context);
  }
}

void FabricLink::onError() {
  ofi::CqErrorEntry entry{};
  const ssize_t rc = queue_->ops->readError(queue_, &entry, 0);
  fail(rc == 1 && entry.error != 0 ? -entry.error : -EIO);
}

void FabricLink::settle() {
  while (inFlight_ > 0 && slots_[oldestSlot_].isDone) {
    Slot& slot = slots_[oldestSlot_];
    if (slot.isBurst) released_++;
    slot.isInUse = false;
    slot.isDone = false;
    oldestSlot_ = (oldestSlot_ + 1) % slots_.size();
    inFlight_--;
  }
}

// An eighth of the ring at a time: one small write for many bursts, and the sender always has room for the largest one.
void FabricLink::giveCredit() {
  if (reason_ != 0 || state_ != LinkState::kUp || reader_.released() - credited_ < own_.capacity / 8) return;
  Slot* slot = inFlight_ < slots_.size() ? freeSlot() : nullptr;
  if (slot == nullptr) return;
  uint8_t* bytes = headers_ + (slot - slots_.data()) * kHeaderBytes;
  const Credit credit{reader_.released(), ~reader_.released()};
  memcpy(bytes, &credit, sizeof credit);
  void* descriptor = headerRegion_->descriptor;
  const iovec vector{bytes, sizeof credit};
  const int rc = write(*slot, &vector, &descriptor, 1, kMailboxCredit, kCreditData);
  if (rc == 0) {
    credited_ = credit.released;
  } else if (rc != -EAGAIN) {
    fail(rc);
  }
}

int FabricLink::scribble(uint64_t offset, const uint8_t* bytes, uint32_t length) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (endpoint_ == nullptr || length > kHeaderBytes || inFlight_ >= slots_.size()) return -EINVAL;
  Slot* slot = freeSlot();
  uint8_t* header = headers_ + (slot - slots_.data()) * kHeaderBytes;
  memcpy(header, bytes, length);
  void* descriptor = headerRegion_->descriptor;
  const iovec vector{header, length};
  return write(*slot, &vector, &descriptor, 1, kMailboxData + offset, kBurstData);
}

void FabricLink::fence() {
  std::lock_guard<std::mutex> lock(mutex_);
  closeEndpoint();
  fail(-ECONNABORTED);
}

void FabricLink::closeEndpoint() {
  isExpectingPeer_ = false;
  closeObject(endpoint_);
  closeObject(mailboxRegion_);
  closeObject(headerRegion_);
  closeObject(queue_);
  closeObject(addresses_);
  waitFd_ = -1;
}

void FabricLink::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isClosed_) return;
    isClosed_ = true;
  }
  domain_->remove(this);
  std::lock_guard<std::mutex> lock(mutex_);
  closeEndpoint();
  state_ = LinkState::kClosed;
  giveUpMemory();
  if (waker_) waker_->release();
}

// Where the fence is not proven, the addresses are never used again: what comes late meets no memory.
void FabricLink::giveUpMemory() {
  if (memory_ == nullptr) return;
  if (domain_->fence() == FenceProof::kProven) {
    munmap(memory_, memorySize_);
  } else {
    mmap(memory_, memorySize_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  }
  memory_ = nullptr;
}

int FabricLink::fail(int error) {
  if (reason_ == 0) reason_ = error;
  state_ = LinkState::kClosed;
  if (isArmed_) {
    isArmed_ = false;
    if (waker_) waker_->wake();
  }
  return reason_;
}

}  // namespace synod
