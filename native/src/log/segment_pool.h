// Files that are ready to become segments: retired ones, and new ones made full of zeros ahead of their use, by a thread of its own.
//
//   retired segment ── rename, directory synced ──▶ spare-<number>.tmp ─┐
//   zeros, synced ──────────────────────────────────▶ fill.tmp ─────────┴─ open, mapped ──▶ take: rename ──▶ segment
//
// Unwritten extents double the cost of a durable append, and so does a growing file: hence the zeros. A retired segment is as good,
// and saves writing them: its old bytes name another position in every header, so that nothing takes them for new ones (S11).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "layout.generated.h"

namespace synod {

constexpr int64_t kSegmentBytes = layout::LOG_SEGMENT_BYTES;
constexpr int64_t kBlockBytes = layout::LOG_BLOCK_BYTES;

enum class LogMode { direct, buffered, dax };

// An open file, and its mapping where writes are stores.
struct SegmentFile {
  int fd = -1;
  uint8_t* map = nullptr;
};

// All of it, or the errno; a write that ends early is EIO.
int writeAll(int fd, const uint8_t* bytes, int64_t size, int64_t offset);
// 0 or errno.
int openSegmentFile(const std::string& path, LogMode mode, SegmentFile* file);
// `mayBeVolatile`: memory that promises nothing will do, too.
int mapSegmentFile(SegmentFile* file, bool mayBeVolatile);
void closeSegmentFile(const SegmentFile& file);
int syncDirectory(const std::string& directory);
bool isVolatileFile(int fd);
std::string segmentPath(const std::string& directory, int64_t base);

class SegmentPool {
 public:
  SegmentPool(std::string directory, LogMode mode);

  // 0 or errno. A ready file becomes the segment that begins at `base`; its name is durable after the next sync of the directory.
  int take(int64_t base, SegmentFile* file);
  // The segment is needed no more; its file stays open for its next use. Retired ones leave the directory in order: a gap among the
  // rest would be damage.
  void retire(int64_t base, const SegmentFile& file);
  // Runs `job` on the pool's thread, which has nothing else to run; never, where the pool is closed first.
  void run(std::function<void()> job);
  // Waits for what was retired, then ends the thread.
  void close();

 private:
  struct Retired {
    int64_t base;
    SegmentFile file;
  };

  // Open, unless it was found in the directory.
  struct Spare {
    std::string path;
    SegmentFile file;
  };

  std::string pathOf(const std::string& name) const { return directory_ + "/" + name; }
  void adoptSpares();
  void threadMain();
  bool hasToPutAway() const { return !retired_.empty() && !isStuck_; }
  int prepare(std::unique_lock<std::mutex>* lock);
  int fill(const std::string& path);
  void putAway(std::unique_lock<std::mutex>* lock);

  const std::string directory_;
  const LogMode mode_;

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::condition_variable prepared_;
  std::deque<Retired> retired_;
  std::vector<Spare> spares_;
  // The prepared file; its path is '' while there is none.
  Spare ready_;
  bool isWanted_ = false;
  std::function<void()> job_;
  // The oldest retired segment could not be put away; tried again when the next one comes.
  bool isStuck_ = false;
  std::atomic<bool> isClosing_{false};
  std::thread thread_;
};

}  // namespace synod
