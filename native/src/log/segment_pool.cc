#include "segment_pool.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace synod {
namespace {

// Zeros go out in pieces, so that they do not hold up the log's own writes on the device.
constexpr int64_t kZeroBytes = 1 << 19;
constexpr size_t kSparesMax = layout::LOG_SPARE_SEGMENTS_MAX;
constexpr long kTmpfsMagic = 0x01021994;
constexpr long kRamfsMagic = 0x858458f6;
// <linux/mman.h> of older systems lacks them.
constexpr int kMapSharedValidate = 0x03;
constexpr int kMapSync = 0x80000;

constexpr char kFillName[] = "fill.tmp";
constexpr char kSparePrefix[] = "spare-";
constexpr size_t kNameDigits = 16;

struct FreeBlock {
  void operator()(uint8_t* block) const { free(block); }
};

}  // namespace

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

std::string segmentPath(const std::string& directory, int64_t base) {
  char name[32];
  snprintf(name, sizeof name, "%016llx.seg", static_cast<unsigned long long>(base / kSegmentBytes));
  return directory + "/" + name;
}

int syncDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

bool isVolatileFile(int fd) {
  struct statfs fs {};
  return fstatfs(fd, &fs) == 0 && (fs.f_type == kTmpfsMagic || fs.f_type == kRamfsMagic);
}

int openSegmentFile(const std::string& path, LogMode mode, SegmentFile* file) {
  const int direct = mode == LogMode::direct ? O_DIRECT | O_DSYNC : 0;
  file->fd = open(path.c_str(), O_RDWR | O_CLOEXEC | direct);
  return file->fd < 0 ? errno : 0;
}

// With MAP_SYNC, stores that reached the memory are durable: the file system keeps no part of the file elsewhere. Without it they
// are not, and only memory that promises nothing anyway may be mapped.
int mapSegmentFile(SegmentFile* file, bool mayBeVolatile) {
  const size_t size = static_cast<size_t>(kSegmentBytes);
  const int access = PROT_READ | PROT_WRITE;
  const int populate = mayBeVolatile ? MAP_POPULATE : 0;
  void* map = mmap(nullptr, size, access, kMapSharedValidate | kMapSync | populate, file->fd, 0);
  if (map == MAP_FAILED && (errno == EOPNOTSUPP || errno == EINVAL) && mayBeVolatile && isVolatileFile(file->fd)) {
    map = mmap(nullptr, size, access, MAP_SHARED | MAP_POPULATE, file->fd, 0);
  }
  if (map == MAP_FAILED) return errno;
  file->map = static_cast<uint8_t*>(map);
  return 0;
}

void closeSegmentFile(const SegmentFile& file) {
  if (file.map != nullptr) munmap(file.map, static_cast<size_t>(kSegmentBytes));
  if (file.fd >= 0) close(file.fd);
}

SegmentPool::SegmentPool(std::string directory, LogMode mode) : directory_(std::move(directory)), mode_(mode) {
  adoptSpares();
  thread_ = std::thread([this] { threadMain(); });
}

// What an earlier opening left behind; too many, or of another size, are removed.
void SegmentPool::adoptSpares() {
  DIR* directory = opendir(directory_.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (strncmp(entry->d_name, kSparePrefix, strlen(kSparePrefix)) != 0) continue;
    struct stat file {};
    const std::string path = pathOf(entry->d_name);
    if (stat(path.c_str(), &file) == 0 && file.st_size == kSegmentBytes && spares_.size() < kSparesMax) {
      spares_.push_back(Spare{path, SegmentFile{}});
    } else {
      unlink(path.c_str());
    }
  }
  closedir(directory);
}

int SegmentPool::take(int64_t base, SegmentFile* file) {
  std::unique_lock<std::mutex> lock(mutex_);
  prepared_.wait(lock, [this] { return !isWanted_ || isClosing_; });
  if (isClosing_) return EBADF;
  if (ready_.path.empty()) {
    const int error = prepare(&lock);
    if (error != 0) return error;
  }
  if (rename(ready_.path.c_str(), segmentPath(directory_, base).c_str()) != 0) return errno;
  *file = ready_.file;
  ready_ = Spare{};
  isWanted_ = true;
  wanted_.notify_one();
  return 0;
}

void SegmentPool::retire(int64_t base, const SegmentFile& file) {
  std::lock_guard<std::mutex> lock(mutex_);
  retired_.push_back(Retired{base, file});
  isStuck_ = false;
  wanted_.notify_one();
}

void SegmentPool::run(std::function<void()> job) {
  std::lock_guard<std::mutex> lock(mutex_);
  job_ = std::move(job);
  wanted_.notify_one();
}

void SegmentPool::threadMain() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return isWanted_ || isClosing_ || hasToPutAway() || job_; });
    if (hasToPutAway()) putAway(&lock);
    if (isWanted_ && !isClosing_) {
      prepare(&lock);
      isWanted_ = false;
      prepared_.notify_all();
    }
    if (job_ && !isClosing_) {
      const std::function<void()> job = std::move(job_);
      job_ = nullptr;
      lock.unlock();
      job();
      lock.lock();
    }
    if (isClosing_ && !hasToPutAway()) return;
  }
}

// Makes a file ready. Gives the lock up while it works.
int SegmentPool::prepare(std::unique_lock<std::mutex>* lock) {
  Spare next{pathOf(kFillName), SegmentFile{}};
  const bool isRecycled = !spares_.empty();
  if (isRecycled) {
    next = spares_.back();
    spares_.pop_back();
  }
  lock->unlock();
  int error = isRecycled ? 0 : fill(next.path);
  if (error == 0 && next.file.fd < 0) error = openSegmentFile(next.path, mode_, &next.file);
  if (error == 0 && mode_ == LogMode::dax && next.file.map == nullptr) error = mapSegmentFile(&next.file, true);
  if (error != 0) closeSegmentFile(next.file);
  lock->lock();
  if (error == 0) ready_ = next;
  return error;
}

// Zeros over whatever an earlier attempt left in the file. A failed attempt is made anew from its first byte.
int SegmentPool::fill(const std::string& path) {
  const int direct = mode_ == LogMode::direct ? O_DIRECT : 0;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | direct, 0644);
  if (fd < 0) return errno;
  void* memory = nullptr;
  int error = posix_memalign(&memory, kBlockBytes, kZeroBytes);
  const std::unique_ptr<uint8_t, FreeBlock> zeros(static_cast<uint8_t*>(memory));
  if (error == 0) memset(zeros.get(), 0, kZeroBytes);
  // One extent where the file system has one, and a full device is known before anything is written.
  if (error == 0 && fallocate(fd, 0, 0, kSegmentBytes) != 0 && errno != EOPNOTSUPP) error = errno;
  for (int64_t at = 0; at < kSegmentBytes && error == 0; at += kZeroBytes) {
    error = isClosing_ ? ECANCELED : writeAll(fd, zeros.get(), kZeroBytes, at);
  }
  if (error == 0 && fdatasync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

// Takes the oldest retired segment out of the log, durably, before anything may be written into it: a segment under its old name
// with a new one's bytes would be damage. Called with the lock, which is given up meanwhile.
void SegmentPool::putAway(std::unique_lock<std::mutex>* lock) {
  const Retired oldest = retired_.front();
  const bool hasRoom = spares_.size() + (ready_.path.empty() ? 0 : 1) < kSparesMax;
  lock->unlock();
  const std::string path = segmentPath(directory_, oldest.base);
  const std::string spare = pathOf(kSparePrefix + path.substr(path.size() - kNameDigits - 4, kNameDigits) + ".tmp");
  const bool isGone = (hasRoom ? rename(path.c_str(), spare.c_str()) : unlink(path.c_str())) == 0;
  const bool wasGone = !isGone && errno == ENOENT;
  const bool isSafe = (isGone || wasGone) && syncDirectory(directory_) == 0;
  const bool isSpare = isGone && hasRoom;
  if (isSafe && !isSpare) closeSegmentFile(oldest.file);
  lock->lock();
  isStuck_ = !isSafe;
  if (!isSafe) return;
  retired_.pop_front();
  if (isSpare) spares_.push_back(Spare{spare, oldest.file});
}

void SegmentPool::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    isClosing_ = true;
  }
  wanted_.notify_all();
  prepared_.notify_all();
  thread_.join();
  for (const Retired& retired : retired_) closeSegmentFile(retired.file);
  for (const Spare& spare : spares_) closeSegmentFile(spare.file);
  closeSegmentFile(ready_.file);
  // A file of zeros serves the next opening; one that may be half-filled does not.
  const std::string filled = pathOf(kFillName);
  if (ready_.path == filled && spares_.size() < kSparesMax) {
    rename(filled.c_str(), pathOf(std::string(kSparePrefix) + "filled.tmp").c_str());
  } else {
    unlink(filled.c_str());
  }
}

}  // namespace synod
