// The asynchronous log device: a queue of submissions, a few flusher threads, and a durable word that counts the contiguous
// prefix of completed submissions.
//
//   submit ──▶ ring of 16 ──▶ flushers: write, flush ──▶ done marks ──▶ durable word, doorbell
//
// Belongs to the process, not to an isolate: a worker may die with writes in flight; close() waits for them (S22).
// The first failure latches the log: nothing becomes durable after it, and no flush is tried again.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "segment_files.h"

namespace synod {

constexpr int kInFlightMax = layout::SUBMISSIONS_IN_FLIGHT_MAX;

struct Submission {
  const uint8_t* bytes = nullptr;
  int64_t position = 0;
  int64_t size = 0;
  bool isTaken = false;
  bool isDone = false;
};

class Log {
 public:
  Log(std::string directory, LogMode mode, int flushers);
  ~Log();
  const std::string& directory() const { return files_.directory(); }

  // -EINVAL for memory that direct writes cannot begin at.
  int attachChunk(int index, uint8_t* bytes);
  void bind(int32_t* durable, int32_t* error, int32_t* doorbell);
  // 0 or -errno. Blocks: takes the prepared file, writes the header block durably.
  int openSegment(int64_t base, const uint8_t* header);
  // 0, -EAGAIN while kInFlightMax are in flight, -EINVAL for what is not whole blocks of one segment, or the latched -errno.
  // `isAlone`: the calling thread writes.
  int submit(int chunk, int64_t offset, int64_t size, int64_t position, bool isAlone);
  int read(int64_t position, uint8_t* target, int64_t size);
  // Waits until nothing is in flight and all threads have ended. Idempotent; every caller waits.
  void close();

  // Tests: the nth write from now on fails with `error` / waits, written but not completed, until `letGo` or `close`.
  void injectFault(int nth, int error);
  void hold(int nth);
  bool isHeld();
  void letGo();

 private:
  // Submissions of one segment that are made durable together.
  struct Run {
    Submission* submissions[kInFlightMax];
    int count = 0;
    int64_t base() const { return submissions[0]->position / kSegmentBytes * kSegmentBytes; }
  };

  void flusherMain();
  bool takeRun(Run* run);
  int makeDurable(const Run& run);
  int latchedError();
  int knownError();
  void waitWhileHeld(int count);
  int flush(int fd);
  void complete(const Run& run, int error);
  void latch(int error);
  void ring() const;

  const LogMode mode_;
  SegmentFiles files_;
  std::vector<uint8_t*> chunks_;
  int32_t* durableWord_ = nullptr;
  int32_t* errorWord_ = nullptr;
  int32_t* doorbell_ = nullptr;

  std::mutex mutex_;
  std::condition_variable workReady_;
  std::condition_variable idle_;
  std::condition_variable released_;
  Submission submissions_[kInFlightMax];
  uint32_t submitted_ = 0;
  uint32_t durable_ = 0;
  int inFlight_ = 0;
  int error_ = 0;
  int faultIn_ = 0;
  int faultError_ = 0;
  int holdIn_ = 0;
  bool isHeld_ = false;
  bool isClosing_ = false;
  std::vector<std::thread> flushers_;

  // Held over a flush and the latching of its error.
  std::mutex flushMutex_;
  std::mutex closeMutex_;
  bool isClosed_ = false;
};

}  // namespace synod
