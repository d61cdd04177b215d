#include "log.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "../park.h"

namespace synod {
namespace {

// A run is one write where its submissions follow each other. Direct ones are kept short, so that two are under way at a time;
// buffered ones share a flush, the longer the better.
constexpr int64_t kDirectRunBytes = 1 << 18;
constexpr int64_t kBufferedRunBytes = 1 << 22;

void store(int32_t* word, int32_t value) {
  reinterpret_cast<std::atomic<int32_t>*>(word)->store(value, std::memory_order_seq_cst);
}

// True where `next` continues `size` bytes from `first`, in memory and on the medium.
bool follows(const Submission& next, const Submission& first, int64_t size) {
  return next.bytes == first.bytes + size && next.position == first.position + size;
}

// Errors that pass: the same call may succeed later, and nothing written so far is in doubt.
bool isTransient(int error) {
  return error == ENOSPC || error == EDQUOT || error == ENOMEM || error == EMFILE || error == ENFILE || error == EBADF;
}

}  // namespace

Log::Log(std::string directory, LogMode mode, int flushers) : mode_(mode), files_(std::move(directory), mode) {
  for (int i = 0; i < flushers; i++) flushers_.emplace_back([this] { flusherMain(); });
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
  store(durable, 0);
  store(error, 0);
}

int Log::openSegment(int64_t base, const uint8_t* header) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isClosing_) return -EBADF;
    if (error_ != 0) return -error_;
  }
  const int error = files_.create(base, header);
  if (error != 0 && !isTransient(error)) {
    latch(error);
    ring();
  }
  return -error;
}

int Log::submit(int chunk, int64_t offset, int64_t size, int64_t position, bool isAlone) {
  if (offset < 0 || size <= 0 || offset % kBlockBytes != 0 || size % kBlockBytes != 0) return -EINVAL;
  if (position % kSegmentBytes != offset || offset + size > kSegmentBytes) return -EINVAL;
  Run run;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isClosing_) return -EBADF;
    if (error_ != 0) return -error_;
    if (chunk < 0 || static_cast<size_t>(chunk) >= chunks_.size() || durableWord_ == nullptr) return -EINVAL;
    if (submitted_ - durable_ >= static_cast<uint32_t>(kInFlightMax)) return -EAGAIN;
    Submission* next = &submissions_[submitted_ % kInFlightMax];
    *next = Submission{chunks_[chunk] + offset, position, size, isAlone, false};
    if (next->isTaken) run.submissions[run.count++] = next;
    submitted_ += 1;
    inFlight_ += 1;
  }
  if (run.count == 0) {
    workReady_.notify_one();
  } else {
    complete(run, makeDurable(run));
  }
  return 0;
}

void Log::flusherMain() {
  Run run;
  while (takeRun(&run)) complete(run, makeDurable(run));
}

// Waits for work: all that waits and stands in one segment, up to a run's size.
bool Log::takeRun(Run* run) {
  std::unique_lock<std::mutex> lock(mutex_);
  run->count = 0;
  const int64_t bytesMax = mode_ == LogMode::direct ? kDirectRunBytes : kBufferedRunBytes;
  for (;;) {
    int64_t bytes = 0;
    for (uint32_t n = durable_; n != submitted_; n++) {
      Submission* next = &submissions_[n % kInFlightMax];
      if (next->isTaken) continue;
      bytes += next->size;
      if (run->count > 0 && (bytes > bytesMax || next->position / kSegmentBytes * kSegmentBytes != run->base())) break;
      next->isTaken = true;
      run->submissions[run->count++] = next;
    }
    if (run->count > 0) return true;
    if (isClosing_) return false;
    workReady_.wait(lock);
  }
}

int Log::makeDurable(const Run& run) {
  const int fd = files_.acquire(run.base());
  if (fd < 0) return -fd;
  int error = 0;
  for (int i = 0; i < run.count && error == 0; i++) error = knownError();
  for (int i = 0; i < run.count && error == 0;) {
    const Submission& first = *run.submissions[i];
    int64_t size = first.size;
    for (i++; i < run.count && follows(*run.submissions[i], first, size); i++) size += run.submissions[i]->size;
    error = writeAll(fd, first.bytes, size, first.position - run.base());
  }
  if (error == 0 && mode_ == LogMode::buffered) error = flush(fd);
  waitWhileHeld(run.count);
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

// The latched error, or the one that a test injects.
int Log::knownError() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (error_ != 0) return error_;
  return faultIn_ > 0 && --faultIn_ == 0 ? faultError_ : 0;
}

void Log::waitWhileHeld(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (holdIn_ == 0) return;
  holdIn_ -= count;
  if (holdIn_ > 0) return;
  holdIn_ = 0;
  isHeld_ = true;
  released_.wait(lock, [this] { return !isHeld_; });
}

// The durable count moves over the contiguous prefix of completed submissions only.
void Log::complete(const Run& run, int error) {
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
    if (hasMoved) store(durableWord_, static_cast<int32_t>(durable_));
    inFlight_ -= run.count;
    if (inFlight_ == 0) idle_.notify_all();
  }
  if (hasMoved || error != 0) ring();
}

void Log::latch(int error) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (error_ != 0) return;
  error_ = error;
  if (errorWord_ != nullptr) store(errorWord_, error);
}

void Log::ring() const {
  if (doorbell_ != nullptr) ringDoorbell(doorbell_);
}

int Log::read(int64_t position, uint8_t* target, int64_t size) {
  const int64_t base = position / kSegmentBytes * kSegmentBytes;
  const int64_t offset = position - base;
  if (position < 0 || offset + size > kSegmentBytes) return -EINVAL;
  const int64_t first = offset / kBlockBytes * kBlockBytes;
  const int64_t length = (offset + size + kBlockBytes - 1) / kBlockBytes * kBlockBytes - first;
  void* memory = nullptr;
  if (posix_memalign(&memory, kBlockBytes, static_cast<size_t>(length)) != 0) return -ENOMEM;
  auto* blocks = static_cast<uint8_t*>(memory);
  const int fd = files_.acquire(base);
  int error = fd < 0 ? -fd : 0;
  for (int64_t done = 0; error == 0 && done < length;) {
    const ssize_t got = pread(fd, blocks + done, static_cast<size_t>(length - done), first + done);
    if (got > 0) {
      done += got;
    } else if (got == 0 || errno != EINTR) {
      error = got == 0 ? EIO : errno;
    }
  }
  if (fd >= 0) files_.release(base);
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
    isHeld_ = false;
    holdIn_ = 0;
    released_.notify_all();
    workReady_.notify_all();
    idle_.wait(lock, [this] { return inFlight_ == 0; });
  }
  for (auto& flusher : flushers_) flusher.join();
  files_.close();
  isClosed_ = true;
}

void Log::injectFault(int nth, int error) {
  std::lock_guard<std::mutex> lock(mutex_);
  faultIn_ = nth;
  faultError_ = error;
}

void Log::hold(int nth) {
  std::lock_guard<std::mutex> lock(mutex_);
  holdIn_ = nth;
}

bool Log::isHeld() {
  std::lock_guard<std::mutex> lock(mutex_);
  return isHeld_;
}

void Log::letGo() {
  std::lock_guard<std::mutex> lock(mutex_);
  holdIn_ = 0;
  isHeld_ = false;
  released_.notify_all();
}

}  // namespace synod
