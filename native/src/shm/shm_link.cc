#include "shm_link.h"

#include <chrono>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace synod {
namespace {

// Not the private futexes of park.h: these words are shared between processes.
void waitOn(std::atomic<int32_t>* word, int32_t seen, long timeoutMs) {
  timespec timeout{timeoutMs / 1000, (timeoutMs % 1000) * 1000000L};
  syscall(SYS_futex, reinterpret_cast<int32_t*>(word), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

void ring(MailboxDoorbell& bell) {
  bell.rings.fetch_add(1);
  if (bell.waiting.load() != 0) syscall(SYS_futex, reinterpret_cast<int32_t*>(&bell.rings), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

constexpr long kWatchMs = 1000;  // a lost peer cannot ring: looked at the stop word this often

}  // namespace

int ShmLink::create(uint64_t capacity) {
  const int rc = own_.create(capacity);
  if (rc != 0) return rc;
  reader_ = MailboxReader(own_.data(), capacity, own_.nonce().seed());
  return 0;
}

int ShmLink::attach(int pid, int fd, const Nonce& nonce, uint64_t capacity, std::shared_ptr<LoopWaker> waker) {
  if (peer_.isMapped() || isClosed_) return -EALREADY;
  const int rc = peer_.attach(pid, fd, nonce, capacity);
  if (rc != 0) {
    if (waker) waker->release();
    return fail(rc);
  }
  writer_ = MailboxWriter(capacity, nonce.seed());
  waker_ = std::move(waker);
  if (waker_) watcher_ = std::thread([this] { watch(); });
  return 0;
}

int ShmLink::hasRoom(uint32_t length) {
  if (isClosed_ || !peer_.isMapped()) return -ENOTCONN;
  if (length > writer_.lengthMax()) return -EMSGSIZE;
  isBlocked_ = !findsRoom(length);
  blockedLength_ = length;
  if (isBlocked_) {
    // This side may be armed already: the receiver is asked to ring, then looked at again.
    peerBell().wantRoom.store(1);
    isBlocked_ = !findsRoom(length);
  }
  if (reason_ != 0) return reason_;
  return isBlocked_ ? 0 : 1;
}

int ShmLink::send(const BurstSource& source) {
  const int room = hasRoom(source.length);
  if (room != 1) return room;
  writeBurst(writer_, peer_.data(), source.bytes, source.length, source.tag);
  sent_++;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  MailboxDoorbell& bell = peerBell();
  if (bell.sleeping.load() != 0 && bell.sleeping.exchange(0) != 0) ring(bell);
  return 1;
}

int64_t ShmLink::poll(uint8_t* target, uint64_t size) {
  if (isClosed_) return -ENOTCONN;
  if (reason_ != 0) return reason_;
  const uint64_t before = reader_.released();
  const bool isLast = peer_.isMapped() && ownBell().closed.load() != 0;
  const int64_t filled = reader_.poll(target, size, 0, true);
  if (filled < 0) return fail(static_cast<int>(filled));
  if (reader_.released() != before) {
    atomicAt(own_.bytes() + kMailboxReleased)->store(reader_.released());
    MailboxDoorbell& bell = ownBell();
    if (peer_.isMapped() && bell.wantRoom.load() != 0 && bell.wantRoom.exchange(0) != 0) ring(peerBell());
  }
  // What it wrote before it said goodbye was read above, unless the target was too small for it.
  if (filled == 0 && isLast && !reader_.isReady()) return fail(-ECONNRESET);
  return filled;
}

bool ShmLink::arm() {
  if (isClosed_ || reason_ != 0 || !peer_.isMapped()) return false;
  ownBell().sleeping.store(1);
  if (isBlocked_) peerBell().wantRoom.store(1);
  const bool isDue = reader_.isReady() || ownBell().closed.load() != 0 || (isBlocked_ && findsRoom(blockedLength_));
  if (isDue) ownBell().sleeping.store(0);
  return !isDue;
}

LinkState ShmLink::state() {
  if (isClosed_ || reason_ != 0) return LinkState::kClosed;
  return peer_.isMapped() ? LinkState::kUp : LinkState::kFresh;
}

void ShmLink::close() {
  if (isClosed_) return;
  isClosed_ = true;
  isStopping_ = true;
  if (peer_.isMapped()) {
    peerBell().closed.store(1);
    ring(peerBell());
  }
  if (watcher_.joinable()) {
    ring(ownBell());
    watcher_.join();
  }
  if (waker_) waker_->release();
}

int ShmLink::scribble(uint64_t offset, const uint8_t* bytes, uint32_t length) {
  if (!peer_.isMapped() || offset + length > peer_.capacity()) return -EINVAL;
  memcpy(peer_.data() + offset, bytes, length);
  return 0;
}

bool ShmLink::findsRoom(uint64_t length) {
  if (writer_.hasRoom(length)) return true;
  if (!writer_.setReleased(atomicAt(peer_.bytes() + kMailboxReleased)->load())) {
    fail(-EPROTO);
    return false;
  }
  return writer_.hasRoom(length);
}

void ShmLink::watch() {
  MailboxDoorbell& bell = ownBell();
  int32_t seen = bell.rings.load();
  // Rings from before this thread ran are not lost.
  waker_->wake();
  while (!isStopping_) {
    if (bell.rings.load() == seen && spinNs_ > 0) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(spinNs_);
      while (bell.rings.load() == seen && std::chrono::steady_clock::now() < end) {
      }
    }
    if (bell.rings.load() == seen) {
      bell.waiting.store(1);
      waitOn(&bell.rings, seen, kWatchMs);
      bell.waiting.store(0);
    }
    const int32_t now = bell.rings.load();
    if (now == seen) continue;
    seen = now;
    if (!isStopping_) waker_->wake();
  }
}

int ShmLink::fail(int error) {
  if (reason_ == 0) reason_ = error;
  return reason_;
}

}  // namespace synod
