#include "log.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "../park.h"
#include "flushers.h"
#include "log_traffic.h"
#include "persist.h"

namespace synod {
namespace {

// Small submissions travel together; direct runs are kept short, so that several are under way at a time. Buffered ones share a
// flush, the longer the better.
constexpr int64_t kDirectRunBytes = 1 << 18;
constexpr int64_t kBufferedRunBytes = 1 << 22;
// A caller that has nothing else to do writes a small submission itself, a value of 64 KiB and its headers at most; a long one
// would keep it from its turn.
constexpr int64_t kAloneBytes = (1 << 16) + kBlockBytes;
// Two keep two flushes in flight; four keep the device busy where each write is its own flush.
constexpr int kBufferedThreads = 2;
constexpr int kDirectThreads = 4;

void publish(int32_t* word, int32_t value) {
  reinterpret_cast<std::atomic<int32_t>*>(word)->store(value, std::memory_order_seq_cst);
}

int64_t toBlocks(int64_t size) { return (size + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

// Errors that pass: the same call may succeed later, and nothing written so far is in doubt.
bool isTransient(int error) {
  return error == ENOSPC || error == EDQUOT || error == ENOMEM || error == EMFILE || error == ENFILE || error == EBADF;
}

}  // namespace

Log::Log(std::string directory, LogMode mode, bool mayUseRing)
    : mode_(mode), files_(std::move(directory), mode), aheadHeader_(kBlockBytes) {
  if (mode == LogMode::dax) {
    const char* means = persistMeans();
    means_ = means == nullptr ? "" : means;
    return;
  }
  if (mode == LogMode::buffered) {
    flusher_ = makeThreadFlusher(this, kBufferedThreads);
    means_ = "write + fdatasync, 2 threads";
    return;
  }
  int error = 0;
  if (mayUseRing) flusher_ = makeRingFlusher(this, &error);
  if (flusher_ != nullptr) {
    means_ = "io_uring";
    return;
  }
  flusher_ = makeThreadFlusher(this, kDirectThreads);
  means_ = "pwrite, 4 threads";
  if (error != 0) means_ += std::string("; no io_uring: ") + strerror(error);
}

Log::~Log() { close(); }

int Log::attachChunk(int index, uint8_t* bytes) {
  if (mode_ == LogMode::direct && reinterpret_cast<uintptr_t>(bytes) % kBlockBytes != 0) return -EINVAL;
  std::lock_guard<std::mutex> lock(mutex_);
  if (static_cast<int>(chunks_.size()) <= index) chunks_.resize(index + 1, nullptr);
  chunks_[index] = bytes;
  return 0;
}

void Log::bind(int32_t* durable, int32_t* error, int32_t* doorbell) {
  std::lock_guard<std::mutex> lock(mutex_);
  durableWord_ = durable;
  errorWord_ = error;
  doorbell_ = doorbell;
  publish(durable, 0);
  publish(error, 0);
}

int Log::openSegment(int64_t base, const uint8_t* header) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isClosing_) return -EBADF;
    if (error_ != 0) return -error_;
    unpin(base);
  }
  return finishOpening(files_.create(base, header));
}

int Log::openAhead(int64_t base, const uint8_t* header) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isClosing_) return -EBADF;
  if (error_ != 0) return -error_;
  if (aheadBase_ == base && ahead_ == Ahead::working) return -EAGAIN;
  if (aheadBase_ == base && ahead_ == Ahead::done) {
    if (aheadError_ != 0) ahead_ = Ahead::none;
    return -aheadError_;
  }
  ahead_ = Ahead::working;
  aheadBase_ = base;
  memcpy(aheadHeader_.data(), header, kBlockBytes);
  files_.runAhead([this, base] {
    const int error = finishOpening(files_.create(base, aheadHeader_.data()));
    {
      std::lock_guard<std::mutex> opened(mutex_);
      ahead_ = Ahead::done;
      aheadError_ = -error;
    }
    ring();
  });
  return -EAGAIN;
}

int Log::finishOpening(int error) {
  if (error != 0 && !isTransient(error)) {
    latch(error);
    ring();
  }
  return -error;
}

int Log::submit(int chunk, int64_t offset, int64_t size, int64_t segment, bool isAlone) {
  if (segment < 0 || offset < 0 || size <= 0 || offset % kBlockBytes != 0 || offset + size > kSegmentBytes) return -EINVAL;
  const int64_t position = segment * kSegmentBytes + offset;
  Run run;
  bool mustWake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isClosing_) return -EBADF;
    if (error_ != 0) return -error_;
    if (chunk < 0 || static_cast<size_t>(chunk) >= chunks_.size() || durableWord_ == nullptr) return -EINVAL;
    if (mode_ == LogMode::dax) return submitStores(chunks_[chunk] + offset, size, position);
    if (submitted_ - durable_ >= static_cast<uint32_t>(kInFlightMax)) return -EAGAIN;
    const bool isOwn = isAlone && size <= kAloneBytes;
    Submission* next = &submissions_[submitted_ % kInFlightMax];
    *next = Submission{chunks_[chunk] + offset, position, toBlocks(size), isOwn, false};
    if (isOwn) {
      run.submissions[run.count++] = next;
      run.size = next->size;
    }
    submitted_ += 1;
    inFlight_ += 1;
    LogTraffic::instance().submitted();
    mustWake = !isOwn && isFlusherIdle_;
    if (mustWake) isFlusherIdle_ = false;
  }
  if (run.count > 0) {
    complete(run, makeDurable(run));
  } else {
    workReady_.notify_one();
    if (mustWake) flusher_->wake();
  }
  return 0;
}

// Durable when it returns. Called with the mutex: nobody else waits for it, and the submission costs one.
int Log::submitStores(const uint8_t* bytes, int64_t size, int64_t position) {
  const int64_t base = position / kSegmentBytes * kSegmentBytes;
  const int error = base == pinnedBase_ ? 0 : pin(base);
  if (error != 0) {
    error_ = error;
    publish(errorWord_, error);
    ring();
    return 0;
  }
  persistCopy(pinned_.map + (position - base), bytes, static_cast<size_t>(size));
  persistFence();
  submitted_ += 1;
  durable_ += 1;
  publish(durableWord_, static_cast<int32_t>(durable_));
  ring();
  return 0;
}

int Log::pin(int64_t base) {
  unpin(pinnedBase_);
  const int error = files_.acquire(base, true, &pinned_);
  if (error == 0) pinnedBase_ = base;
  return error;
}

void Log::unpin(int64_t base) {
  if (base < 0 || base != pinnedBase_) return;
  pinnedBase_ = -1;
  files_.release(base);
}

void Log::retireSegment(int64_t base) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    unpin(base);
  }
  files_.retire(base);
}

// What waits and stands together, up to a run's size.
Taken Log::takeRun(Run* run, bool waits) {
  std::unique_lock<std::mutex> lock(mutex_);
  isFlusherIdle_ = false;
  run->count = 0;
  run->size = 0;
  const int64_t bytesMax = mode_ == LogMode::direct ? kDirectRunBytes : kBufferedRunBytes;
  for (;;) {
    for (uint32_t n = durable_; n != submitted_; n++) {
      Submission* next = &submissions_[n % kInFlightMax];
      if (next->isTaken) {
        if (run->count > 0) break;
        continue;
      }
      if (run->count > 0) {
        const bool follows = next->bytes == run->bytes() + run->size && next->position == run->position() + run->size;
        if (!follows || next->position / kSegmentBytes * kSegmentBytes != run->base()) break;
        if (run->size + next->size > bytesMax) break;
      }
      next->isTaken = true;
      run->submissions[run->count++] = next;
      run->size += next->size;
    }
    if (run->count > 0) return Taken::run;
    if (isClosing_) return Taken::end;
    if (!waits) {
      isFlusherIdle_ = true;
      return Taken::nothing;
    }
    workReady_.wait(lock);
  }
}

int Log::makeDurable(const Run& run) {
  SegmentFile file;
  int error = latchedError();
  if (error != 0) return error;
  error = files_.acquire(run.base(), true, &file);
  if (error != 0) return error;
  const int64_t offset = run.position() - run.base();
  error = writeAll(file.fd, run.bytes(), run.size, offset);
  if (error == 0 && mode_ == LogMode::buffered) error = flush(file.fd);
  files_.release(run.base());
  return error;
}

// The kernel tells a failed write-back once per open file. Two flushes of a file at a time could share that one answer out:
// the failure to one run, success to the other, whose pages are gone. So they take turns, and the latch closes in between.
int Log::flush(int fd) {
  std::lock_guard<std::mutex> turn(flushMutex_);
  int error = latchedError();
  if (error != 0 || fdatasync(fd) == 0) return error;
  error = errno;
  latch(error);
  return error;
}

int Log::latchedError() {
  std::lock_guard<std::mutex> lock(mutex_);
  return error_;
}

// The durable count moves over the contiguous prefix of completed submissions only.
void Log::complete(const Run& run, int error) {
  LogTraffic::instance().completed(run.count);
  if (error != 0) latch(error);
  bool hasMoved = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < run.count; i++) run.submissions[i]->isDone = error == 0;
    while (error_ == 0 && durable_ != submitted_ && submissions_[durable_ % kInFlightMax].isDone) {
      submissions_[durable_ % kInFlightMax].isDone = false;
      durable_ += 1;
      hasMoved = true;
    }
    if (hasMoved) publish(durableWord_, static_cast<int32_t>(durable_));
    inFlight_ -= run.count;
    if (inFlight_ == 0) idle_.notify_all();
  }
  if (hasMoved || error != 0) ring();
}

void Log::latch(int error) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (error_ != 0) return;
  error_ = error;
  if (errorWord_ != nullptr) publish(errorWord_, error);
}

void Log::ring() const {
  if (doorbell_ != nullptr) ringDoorbell(doorbell_);
}

int Log::read(int64_t position, uint8_t* target, int64_t size) {
  const int64_t base = position / kSegmentBytes * kSegmentBytes;
  const int64_t offset = position - base;
  if (position < 0 || offset + size > kSegmentBytes) return -EINVAL;
  const int64_t first = offset / kBlockBytes * kBlockBytes;
  const int64_t length = toBlocks(offset + size) - first;
  void* memory = nullptr;
  if (posix_memalign(&memory, kBlockBytes, static_cast<size_t>(length)) != 0) return -ENOMEM;
  auto* blocks = static_cast<uint8_t*>(memory);
  SegmentFile file;
  int error = files_.acquire(base, false, &file);
  const bool isOpen = error == 0;
  for (int64_t done = 0; error == 0 && done < length;) {
    const ssize_t got = pread(file.fd, blocks + done, static_cast<size_t>(length - done), first + done);
    if (got > 0) {
      done += got;
    } else if (got == 0 || errno != EINTR) {
      error = got == 0 ? EIO : errno;
    }
  }
  if (isOpen) files_.release(base);
  if (error == 0) memcpy(target, blocks + (offset - first), static_cast<size_t>(size));
  free(blocks);
  return -error;
}

void Log::close() {
  std::lock_guard<std::mutex> turn(closeMutex_);
  if (isClosed_) return;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    isClosing_ = true;
    workReady_.notify_all();
    idle_.wait(lock, [this] { return inFlight_ == 0; });
  }
  if (flusher_ != nullptr) {
    flusher_->wake();
    flusher_->join();
  }
  files_.close();
  isClosed_ = true;
}

}  // namespace synod
