#include "segment_files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace synod {
namespace {

// Zeros go out in pieces, so that they do not hold up the log's own writes on the device.
constexpr int64_t kZeroBytes = 1 << 19;
// Reads go back to old segments one at a time; a log of any length keeps few files open.
constexpr size_t kOpenFilesMax = 8;

struct FreeBlock {
  void operator()(uint8_t* block) const { free(block); }
};
using Block = std::unique_ptr<uint8_t, FreeBlock>;

Block alignedBlock(int64_t size) {
  void* block = nullptr;
  if (posix_memalign(&block, kBlockBytes, static_cast<size_t>(size)) != 0) return nullptr;
  return Block(static_cast<uint8_t*>(block));
}

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

SegmentFiles::SegmentFiles(std::string directory, LogMode mode) : directory_(std::move(directory)), mode_(mode) {
  preparer_ = std::thread([this] { preparerMain(); });
}

std::string SegmentFiles::pathOf(int64_t base) const {
  char name[32];
  snprintf(name, sizeof name, "%016llx.seg", static_cast<unsigned long long>(base / kSegmentBytes));
  return directory_ + "/" + name;
}

int SegmentFiles::create(int64_t base, const uint8_t* header) {
  int error = takePrepared(base);
  if (error == 0) error = forget(base);
  if (error != 0) return error;
  const int fd = acquire(base);
  if (fd < 0) return -fd;
  error = writeHeader(fd, header);
  if (error == 0) error = syncDirectory();
  release(base);
  return error;
}

int SegmentFiles::takePrepared(int64_t base) {
  std::unique_lock<std::mutex> lock(prepareMutex_);
  prepared_.wait(lock, [this] { return !isWanted_ || isClosing_; });
  if (isClosing_) return EBADF;
  if (!isPrepared_) {
    const int error = makeZeroed();
    if (error != 0) return error;
  }
  isPrepared_ = false;
  if (rename(preparedPath().c_str(), pathOf(base).c_str()) != 0) return errno;
  isWanted_ = true;
  wanted_.notify_one();
  return 0;
}

int SegmentFiles::writeHeader(int fd, const uint8_t* header) const {
  const Block block = alignedBlock(kBlockBytes);
  if (block == nullptr) return ENOMEM;
  memcpy(block.get(), header, kBlockBytes);
  const int error = writeAll(fd, block.get(), kBlockBytes, 0);
  if (error != 0 || mode_ == LogMode::direct) return error;
  return fdatasync(fd) == 0 ? 0 : errno;
}

int SegmentFiles::syncDirectory() const {
  const int fd = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

// The prepared file, whatever an earlier attempt left in it. A failed attempt is made anew from its first byte.
int SegmentFiles::makeZeroed() {
  const int direct = mode_ == LogMode::direct ? O_DIRECT : 0;
  const int fd = open(preparedPath().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | direct, 0644);
  if (fd < 0) return errno;
  const Block zeros = alignedBlock(kZeroBytes);
  int error = zeros == nullptr ? ENOMEM : 0;
  if (error == 0) memset(zeros.get(), 0, kZeroBytes);
  for (int64_t at = 0; at < kSegmentBytes && error == 0; at += kZeroBytes) {
    error = isClosing_ ? ECANCELED : writeAll(fd, zeros.get(), kZeroBytes, at);
  }
  if (error == 0 && fdatasync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

void SegmentFiles::preparerMain() {
  std::unique_lock<std::mutex> lock(prepareMutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return isWanted_ || isClosing_; });
    if (isClosing_) return;
    lock.unlock();
    const int error = makeZeroed();
    lock.lock();
    isPrepared_ = error == 0;
    isWanted_ = false;
    prepared_.notify_all();
  }
}

int SegmentFiles::acquire(int64_t base) {
  std::lock_guard<std::mutex> lock(filesMutex_);
  const auto known = files_.find(base);
  if (known != files_.end()) {
    known->second.users += 1;
    known->second.lastUse = ++uses_;
    return known->second.fd;
  }
  if (files_.size() >= kOpenFilesMax) closeIdle();
  const int direct = mode_ == LogMode::direct ? O_DIRECT | O_DSYNC : 0;
  const int fd = open(pathOf(base).c_str(), O_RDWR | O_CLOEXEC | direct);
  if (fd < 0) return -errno;
  files_[base] = File{fd, 1, ++uses_};
  return fd;
}

void SegmentFiles::release(int64_t base) {
  std::lock_guard<std::mutex> lock(filesMutex_);
  const auto known = files_.find(base);
  if (known != files_.end()) known->second.users -= 1;
}

// A file of an earlier attempt has lost its name to the prepared one.
int SegmentFiles::forget(int64_t base) {
  std::lock_guard<std::mutex> lock(filesMutex_);
  const auto known = files_.find(base);
  if (known == files_.end()) return 0;
  if (known->second.users > 0) return EBUSY;
  ::close(known->second.fd);
  files_.erase(known);
  return 0;
}

// Closes the idle file that was used longest ago. Called with the files' mutex held.
void SegmentFiles::closeIdle() {
  auto oldest = files_.end();
  for (auto file = files_.begin(); file != files_.end(); ++file) {
    if (file->second.users > 0) continue;
    if (oldest == files_.end() || file->second.lastUse < oldest->second.lastUse) oldest = file;
  }
  if (oldest == files_.end()) return;
  ::close(oldest->second.fd);
  files_.erase(oldest);
}

void SegmentFiles::close() {
  {
    std::lock_guard<std::mutex> lock(prepareMutex_);
    isClosing_ = true;
  }
  wanted_.notify_all();
  prepared_.notify_all();
  preparer_.join();
  std::lock_guard<std::mutex> lock(filesMutex_);
  for (const auto& file : files_) ::close(file.second.fd);
  files_.clear();
  unlink(preparedPath().c_str());
}

}  // namespace synod
