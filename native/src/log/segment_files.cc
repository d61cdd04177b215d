#include "segment_files.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "persist.h"

namespace synod {
namespace {

// Reads go back to old segments one at a time; a log of any length keeps few files open.
constexpr size_t kOpenFilesMax = 8;

}  // namespace

SegmentFiles::SegmentFiles(std::string directory, LogMode mode)
    : directory_(std::move(directory)), mode_(mode), pool_(directory_, mode) {}

int SegmentFiles::create(int64_t base, const uint8_t* header) {
  // A file of an earlier attempt loses its name to the new one.
  int error = forget(base);
  SegmentFile file;
  if (error == 0) error = pool_.take(base, &file);
  if (error != 0) return error;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (files_.size() >= kOpenFilesMax) closeIdle();
    files_[base] = File{file, 1, ++uses_};
  }
  error = writeHeader(file, header);
  if (error == 0) error = syncDirectory(directory_);
  release(base);
  return error;
}

int SegmentFiles::writeHeader(const SegmentFile& file, const uint8_t* header) const {
  if (mode_ == LogMode::dax) {
    persistCopy(file.map, header, static_cast<size_t>(kBlockBytes));
    persistFence();
    return 0;
  }
  void* memory = nullptr;
  if (posix_memalign(&memory, kBlockBytes, kBlockBytes) != 0) return ENOMEM;
  memcpy(memory, header, kBlockBytes);
  int error = writeAll(file.fd, static_cast<uint8_t*>(memory), kBlockBytes, 0);
  free(memory);
  if (error == 0 && mode_ == LogMode::buffered && fdatasync(file.fd) != 0) error = errno;
  return error;
}

int SegmentFiles::acquire(int64_t base, bool isWritten, SegmentFile* file) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto known = files_.find(base);
  if (known == files_.end()) {
    if (files_.size() >= kOpenFilesMax) closeIdle();
    SegmentFile opened;
    const int error = openSegmentFile(segmentPath(directory_, base), mode_, &opened);
    if (error != 0) return error;
    known = files_.emplace(base, File{opened, 0, 0}).first;
  }
  if (isWritten && mode_ == LogMode::dax && known->second.file.map == nullptr) {
    const int error = mapSegmentFile(&known->second.file, true);
    if (error != 0) return error;
  }
  known->second.users += 1;
  known->second.lastUse = ++uses_;
  *file = known->second.file;
  return 0;
}

void SegmentFiles::release(int64_t base) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = files_.find(base);
  if (known != files_.end()) known->second.users -= 1;
}

void SegmentFiles::retire(int64_t base) {
  SegmentFile file;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = files_.find(base);
    if (known != files_.end()) {
      if (known->second.users > 0) return;
      file = known->second.file;
      files_.erase(known);
    }
  }
  pool_.retire(base, file);
}

int SegmentFiles::forget(int64_t base) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = files_.find(base);
  if (known == files_.end()) return 0;
  if (known->second.users > 0) return EBUSY;
  closeSegmentFile(known->second.file);
  files_.erase(known);
  return 0;
}

// Closes the idle file that was used longest ago. Called with the mutex held.
void SegmentFiles::closeIdle() {
  auto oldest = files_.end();
  for (auto file = files_.begin(); file != files_.end(); ++file) {
    if (file->second.users > 0) continue;
    if (oldest == files_.end() || file->second.lastUse < oldest->second.lastUse) oldest = file;
  }
  if (oldest == files_.end()) return;
  closeSegmentFile(oldest->second.file);
  files_.erase(oldest);
}

void SegmentFiles::close() {
  pool_.close();
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& file : files_) closeSegmentFile(file.second.file);
  files_.clear();
}

}  // namespace synod
