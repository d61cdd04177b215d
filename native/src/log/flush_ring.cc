// One thread, up to kInFlightMax writes in flight. It sleeps in one call, which ends when a write is done or the log has more:
//
//   takeRun ──▶ slot ──▶ write on the ring ─┐
//   wake ──▶ eventfd ──▶ read on the ring ──┴─ enter ──▶ completions ──▶ complete
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "flushers.h"
#include "uring.h"

namespace synod {
namespace {

constexpr uint64_t kWakeTag = kInFlightMax;
// One write per slot and the read of the eventfd, rounded up to a power of two.
constexpr uint32_t kEntries = 2 * kInFlightMax;

// Calls that the kernel could not serve now, and will.
bool isInterrupted(int error) { return error == EINTR || error == EAGAIN || error == EBUSY; }

class RingFlusher : public Flusher {
 public:
  explicit RingFlusher(Log* log) : log_(log) {}

  ~RingFlusher() override {
    if (thread_.joinable()) thread_.join();
    if (eventFd_ >= 0) close(eventFd_);
  }

  // 0 or errno. The ring belongs to the thread that makes it.
  int start() {
    eventFd_ = eventfd(0, EFD_CLOEXEC);
    if (eventFd_ < 0) return errno;
    int error = -1;
    std::mutex mutex;
    std::condition_variable started;
    thread_ = std::thread([&] {
      {
        std::lock_guard<std::mutex> lock(mutex);
        error = ring_.open(kEntries);
        started.notify_one();
      }
      if (ring_.isOpen()) run();
    });
    std::unique_lock<std::mutex> lock(mutex);
    started.wait(lock, [&] { return error >= 0; });
    return error;
  }

  void wake() override {
    const uint64_t one = 1;
    while (::write(eventFd_, &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  void join() override { thread_.join(); }

 private:
  struct Slot {
    Run run;
    SegmentFile file;
    int64_t done = 0;
    bool isUsed = false;
  };

  void run() {
    listen();
    for (;;) {
      const bool hasEnded = takeAll();
      if (hasEnded && inFlight_ == 0) break;
      const int error = ring_.enter(1);
      reap();
      if (error != 0 && !isInterrupted(error)) {
        giveUp(error);
        break;
      }
    }
    ring_.close();
  }

  // Returns true where the log has ended and nothing more will come.
  bool takeAll() {
    for (uint64_t tag = 0; tag < kInFlightMax; tag++) {
      Slot& slot = slots_[tag];
      if (slot.isUsed) continue;
      const Taken taken = log_->takeRun(&slot.run, false);
      if (taken != Taken::run) return taken == Taken::end;
      int error = log_->latchedError();
      const bool isOpen = error == 0 && (error = log_->openFor(slot.run, &slot.file)) == 0;
      if (!isOpen) {
        log_->complete(slot.run, error);
        continue;
      }
      slot.isUsed = true;
      slot.done = 0;
      inFlight_ += 1;
      write(tag);
    }
    return false;
  }

  void write(uint64_t tag) {
    const Slot& slot = slots_[tag];
    const int64_t offset = slot.run.position() - slot.run.base() + slot.done;
    ring_.queueWrite(slot.file.fd, slot.run.bytes() + slot.done, static_cast<uint32_t>(slot.run.size - slot.done), offset, tag);
  }

  void listen() { ring_.queueRead(eventFd_, reinterpret_cast<uint8_t*>(&woken_), sizeof woken_, kWakeTag); }

  void reap() {
    uint64_t tag = 0;
    int32_t result = 0;
    while (ring_.next(&tag, &result)) {
      if (tag == kWakeTag) {
        listen();
        continue;
      }
      Slot& slot = slots_[tag];
      if (result > 0) slot.done += result;
      const bool isAgain = result == -EINTR || result == -EAGAIN;
      if (isAgain || (result > 0 && slot.done < slot.run.size)) {
        write(tag);
        continue;
      }
      finish(&slot, result > 0 ? 0 : result == 0 ? EIO : -result);
    }
  }

  void finish(Slot* slot, int error) {
    slot->isUsed = false;
    inFlight_ -= 1;
    log_->closeFor(slot->run);
    log_->complete(slot->run, error);
  }

  // The ring itself fails: what it still has is lost to us, and the log with it.
  void giveUp(int error) {
    for (Slot& slot : slots_) {
      if (slot.isUsed) finish(&slot, error);
    }
    Run run;
    while (log_->takeRun(&run, true) == Taken::run) log_->complete(run, error);
  }

  Log* const log_;
  Uring ring_;
  int eventFd_ = -1;
  uint64_t woken_ = 0;
  Slot slots_[kInFlightMax];
  int inFlight_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Flusher> makeRingFlusher(Log* log, int* error) {
  auto flusher = std::make_unique<RingFlusher>(log);
  *error = flusher->start();
  if (*error != 0) return nullptr;
  return flusher;
}

}  // namespace synod
