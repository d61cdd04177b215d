#include "log.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../park.h"

namespace synod {

namespace {

constexpr int64_t kZeroBytes = 1 << 20;

int writeAll(int fd, const uint8_t* bytes, int64_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t done = pwrite(fd, bytes, static_cast<size_t>(size), offset);
    if (done < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (done == 0) return EIO;
    bytes += done;
    offset += done;
    size -= done;
  }
  return 0;
}

}  // namespace

Log::Log(std::string directory, LogMode mode, int flushers) : directory_(std::move(directory)), mode_(mode) {
  for (int i = 0; i < flushers; i++) flushers_.emplace_back([this] { flusherMain(); });
  preparer_ = std::thread([this] { preparerMain(); });
}

Log::~Log() { close(); }

void Log::attachChunk(int index, uint8_t* bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (static_cast<int>(chunks_.size()) <= index) chunks_.resize(index + 1, nullptr);
  chunks_[index] = bytes;
}

void Log::bind(int32_t* durable, int32_t* error, int32_t* doorbell) {
  durableWord_ = durable;
  errorWord_ = error;
  doorbell_ = doorbell;
  reinterpret_cast<std::atomic<int32_t>*>(durable)->store(0, std::memory_order_release);
  reinterpret_cast<std::atomic<int32_t>*>(error)->store(0, std::memory_order_release);
}

std::string Log::pathOf(int64_t base) const {
  char name[32];
  snprintf(name, sizeof name, "%016llx.seg", static_cast<unsigned long long>(base / kSegmentBytes));
  return directory_ + "/" + name;
}

int Log::openFile(const std::string& path, bool create) {
  int flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0);
  flags |= mode_ == LogMode::direct ? O_DIRECT | O_DSYNC : 0;
  return ::open(path.c_str(), flags, 0644);
}

// Unwritten extents double the cost of each durable append: segments are written full of zeros ahead of their use.
int Log::makeZeroed(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  void* zeros = nullptr;
  int error = posix_memalign(&zeros, kBlockBytes, kZeroBytes);
  if (error == 0) {
    memset(zeros, 0, kZeroBytes);
    for (int64_t at = 0; at < kSegmentBytes && error == 0; at += kZeroBytes) {
      error = writeAll(fd, static_cast<uint8_t*>(zeros), kZeroBytes, at);
    }
    free(zeros);
  }
  if (error == 0 && fdatasync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

void Log::preparerMain() {
  std::unique_lock<std::mutex> lock(prepareMutex_);
  for (;;) {
    prepareWanted_.wait(lock, [this] { return wantPrepared_ || closing_; });
    if (closing_) return;
    wantPrepared_ = false;
    preparing_ = true;
    lock.unlock();
    const int error = makeZeroed(directory_ + "/next.tmp");
    lock.lock();
    preparing_ = false;
    hasPrepared_ = error == 0;
    prepareDone_.notify_all();
  }
}

int Log::openSegment(int64_t base, const uint8_t* header) {
  const std::string path = pathOf(base);
  {
    std::unique_lock<std::mutex> lock(prepareMutex_);
    prepareDone_.wait(lock, [this] { return !preparing_ && !wantPrepared_; });
    if (!hasPrepared_) {
      const int error = makeZeroed(directory_ + "/next.tmp");
      if (error != 0) return -error;
    }
    hasPrepared_ = false;
    if (rename((directory_ + "/next.tmp").c_str(), path.c_str()) != 0) return -errno;
    wantPrepared_ = true;
    prepareWanted_.notify_one();
  }
  const int fd = openFile(path, false);
  if (fd < 0) return -errno;
  void* block = nullptr;
  if (posix_memalign(&block, kBlockBytes, kBlockBytes) != 0) return -ENOMEM;
  memcpy(block, header, kBlockBytes);
  int error = writeAll(fd, static_cast<uint8_t*>(block), kBlockBytes, 0);
  free(block);
  if (error == 0 && fdatasync(fd) != 0) error = errno;
  if (error != 0) {
    ::close(fd);
    return -error;
  }
  syncDirectory();
  std::lock_guard<std::mutex> lock(mutex_);
  files_[base] = fd;
  return 0;
}

void Log::syncDirectory() {
  const int fd = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  ::close(fd);
}

// Called with the mutex held.
int Log::fileOf(int64_t base) {
  const auto known = files_.find(base);
  if (known != files_.end()) return known->second;
  const int fd = openFile(pathOf(base), false);
  if (fd < 0) return -errno;
  files_[base] = fd;
  return fd;
}

int Log::write(const Submission& submission) {
  const int64_t base = submission.position / kSegmentBytes * kSegmentBytes;
  int fd;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_ != 0) return error_;
    if (faultIn_ > 0 && --faultIn_ == 0) return faultError_;
    fd = fileOf(base);
  }
  if (fd < 0) return -fd;
  const int error = writeAll(fd, submission.bytes, submission.size, submission.position - base);
  if (error != 0) return error;
  if (mode_ == LogMode::buffered && fdatasync(fd) != 0) return errno;
  return 0;
}

// The durable count moves over the contiguous prefix of completed submissions only. The first error latches the log for good.
void Log::complete(Submission* submission, int error) {
  bool moved = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    submission->done = error == 0;
    inFlight_ -= 1;
    if (error != 0 && error_ == 0) {
      error_ = error;
      reinterpret_cast<std::atomic<int32_t>*>(errorWord_)->store(error, std::memory_order_release);
    }
    if (error_ == 0) {
      while (durable_ != submitted_ && ring_[durable_ % kInFlightMax].done) {
        ring_[durable_ % kInFlightMax].done = false;
        durable_ += 1;
        moved = true;
      }
      if (moved) {
        reinterpret_cast<std::atomic<int32_t>*>(durableWord_)->store(static_cast<int32_t>(durable_), std::memory_order_seq_cst);
      }
    }
    if (inFlight_ == 0) idle_.notify_all();
  }
  if (moved || error != 0) ringDoorbell(doorbell_);
}

int Log::submit(int chunk, int64_t offset, int64_t size, int64_t position, bool alone) {
  Submission* slot;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_ != 0) return -error_;
    if (submitted_ - durable_ >= static_cast<uint32_t>(kInFlightMax)) return -EAGAIN;
    slot = &ring_[submitted_ % kInFlightMax];
    slot->bytes = chunks_[chunk] + offset;
    slot->position = position;
    slot->size = size;
    slot->done = false;
    slot->taken = alone && inFlight_ == 0;
    alone = slot->taken;
    submitted_ += 1;
    inFlight_ += 1;
  }
  if (alone) {
    complete(slot, write(*slot));
  } else {
    workReady_.notify_one();
  }
  return 0;
}

void Log::flusherMain() {
  for (;;) {
    Submission* next = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      for (;;) {
        for (uint32_t n = durable_; n != submitted_; n++) {
          Submission* candidate = &ring_[n % kInFlightMax];
          if (!candidate->taken && !candidate->done) {
            next = candidate;
            break;
          }
        }
        if (next != nullptr || closing_) break;
        workReady_.wait(lock);
      }
      if (next == nullptr) return;
      next->taken = true;
    }
    complete(next, write(*next));
  }
}

int Log::read(int64_t position, uint8_t* target, int64_t size) {
  const int64_t base = position / kSegmentBytes * kSegmentBytes;
  int fd;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    fd = fileOf(base);
  }
  if (fd < 0) return fd;
  const int64_t offset = position - base;
  const int64_t first = offset / kBlockBytes * kBlockBytes;
  const int64_t last = (offset + size + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  void* block = nullptr;
  if (posix_memalign(&block, kBlockBytes, static_cast<size_t>(last - first)) != 0) return -ENOMEM;
  int64_t done = 0;
  int error = 0;
  while (done < last - first) {
    const ssize_t got = pread(fd, static_cast<uint8_t*>(block) + done, static_cast<size_t>(last - first - done), first + done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      error = got < 0 ? errno : EIO;
      break;
    }
    done += got;
  }
  if (error == 0) memcpy(target, static_cast<uint8_t*>(block) + (offset - first), static_cast<size_t>(size));
  free(block);
  return -error;
}

void Log::drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return inFlight_ == 0; });
}

void Log::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  drain();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::lock_guard<std::mutex> prepareLock(prepareMutex_);
    closing_ = true;
  }
  workReady_.notify_all();
  prepareWanted_.notify_all();
  for (auto& flusher : flushers_) flusher.join();
  preparer_.join();
  for (const auto& file : files_) ::close(file.second);
  files_.clear();
  unlink((directory_ + "/next.tmp").c_str());
}

void Log::injectFault(int nth, int error) {
  std::lock_guard<std::mutex> lock(mutex_);
  faultIn_ = nth;
  faultError_ = error;
}

}  // namespace synod
