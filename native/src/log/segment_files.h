// The segment files of one log: made full of zeros ahead of their use by a thread of their own, opened when needed, few at a time.
//
//   preparer ── zeros ──▶ next.tmp ── rename, header block ──▶ <16 hex digits of base / segment size>.seg
//
// Unwritten extents double the cost of a durable append, and so does a growing file: hence the zeros.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "layout.generated.h"

namespace synod {

constexpr int64_t kSegmentBytes = layout::LOG_SEGMENT_BYTES;
constexpr int64_t kBlockBytes = layout::LOG_BLOCK_BYTES;

enum class LogMode { direct, buffered };

// All of it, or the errno; a write that ends early is EIO.
int writeAll(int fd, const uint8_t* bytes, int64_t size, int64_t offset);

class SegmentFiles {
 public:
  SegmentFiles(std::string directory, LogMode mode);
  const std::string& directory() const { return directory_; }

  // 0 or errno. The file, its header block and its name are durable when it returns.
  int create(int64_t base, const uint8_t* header);
  // An open file, or -errno; it stays open until `release`.
  int acquire(int64_t base);
  void release(int64_t base);
  // Ends the preparer and closes all files; nothing may be acquired.
  void close();

 private:
  struct File {
    int fd;
    int users;
    uint64_t lastUse;
  };

  std::string pathOf(int64_t base) const;
  std::string preparedPath() const { return directory_ + "/next.tmp"; }
  int takePrepared(int64_t base);
  int writeHeader(int fd, const uint8_t* header) const;
  int syncDirectory() const;
  int makeZeroed();
  void preparerMain();
  int forget(int64_t base);
  void closeIdle();

  const std::string directory_;
  const LogMode mode_;

  std::mutex filesMutex_;
  std::map<int64_t, File> files_;
  uint64_t uses_ = 0;

  std::mutex prepareMutex_;
  std::condition_variable wanted_;
  std::condition_variable prepared_;
  bool isWanted_ = false;
  bool isPrepared_ = false;
  std::atomic<bool> isClosing_{false};
  std::thread preparer_;
};

}  // namespace synod
