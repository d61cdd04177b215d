// The segment files of one log that are open, few at a time.
//
//   segment_pool ── ready file, renamed ──▶ create: header block, durable ──▶ acquire … release ──▶ closed when others are used
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "segment_pool.h"

namespace synod {

class SegmentFiles {
 public:
  SegmentFiles(std::string directory, LogMode mode);
  const std::string& directory() const { return directory_; }

  // 0 or errno. The file, its header block and its name are durable when it returns.
  int create(int64_t base, const uint8_t* header);
  // 0 or errno. An open file that stays open until `release`; mapped where writes are stores, if it is to be written.
  int acquire(int64_t base, bool isWritten, SegmentFile* file);
  void release(int64_t base);
  // Runs `job` on the thread that makes files ready.
  void runAhead(std::function<void()> job) { pool_.run(std::move(job)); }
  // Nothing in the segment is needed any more, and nothing of it is in flight.
  void retire(int64_t base);
  // Closes all files; nothing may be acquired.
  void close();

 private:
  struct File {
    SegmentFile file;
    int users;
    uint64_t lastUse;
  };

  int writeHeader(const SegmentFile& file, const uint8_t* header) const;
  int forget(int64_t base);
  void closeIdle();

  const std::string directory_;
  const LogMode mode_;
  SegmentPool pool_;

  std::mutex mutex_;
  std::map<int64_t, File> files_;
  uint64_t uses_ = 0;
};

}  // namespace synod
