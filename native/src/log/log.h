// The asynchronous log device: a queue of submissions, whoever writes them, and a durable word that counts the contiguous prefix of
// completed submissions.
//
//   submit ──▶ 16 submissions ──▶ flusher: a ring, or threads ──▶ complete: done marks ──▶ durable word, doorbell
//         └───────────────── alone, or dax: the caller itself ────▶
//
// Belongs to the process, not to an isolate: a worker may die with writes in flight; close() waits for them (S22).
// The first failure latches the log: nothing becomes durable after it, and no flush is tried again.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
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

// Submissions that follow each other in memory and in one segment: one write.
struct Run {
  Submission* submissions[kInFlightMax];
  int count = 0;
  const uint8_t* bytes() const { return submissions[0]->bytes; }
  int64_t position() const { return submissions[0]->position; }
  int64_t base() const { return position() / kSegmentBytes * kSegmentBytes; }
  int64_t size = 0;
};

enum class Taken { run, nothing, end };

class Log;

// Takes runs from a log, makes them durable, and completes them.
class Flusher {
 public:
  virtual ~Flusher() = default;
  // Something waits to be taken, or the log ends.
  virtual void wake() = 0;
  // Returns once the log has ended and all threads have.
  virtual void join() = 0;
};

class Log {
 public:
  // `mayUseRing` is false where threads are wanted although the kernel has io_uring.
  Log(std::string directory, LogMode mode, bool mayUseRing);
  ~Log();
  const std::string& directory() const { return files_.directory(); }
  // How bytes reach the medium, for people.
  const std::string& means() const { return means_; }

  // -EINVAL for memory that direct writes cannot begin at.
  int attachChunk(int index, uint8_t* bytes);
  void bind(int32_t* durable, int32_t* error, int32_t* doorbell);
  // 0 or -errno. Blocks: takes a ready file, writes the header block durably.
  int openSegment(int64_t base, const uint8_t* header);
  // The same without blocking: 0 once it is open, -EAGAIN meanwhile, with a ring of the doorbell at the end; else -errno.
  int openAhead(int64_t base, const uint8_t* header);
  void retireSegment(int64_t base);
  // 0, -EAGAIN while kInFlightMax are in flight, -EINVAL for what does not begin at a block of one segment, or the latched -errno.
  // The bytes at `offset` of the chunk go to the same offset of the segment of that number. `isAlone`: the calling thread writes.
  int submit(int chunk, int64_t offset, int64_t size, int64_t segment, bool isAlone);
  int read(int64_t position, uint8_t* target, int64_t size);
  // Waits until nothing is in flight and all threads have ended. Idempotent; every caller waits.
  void close();

  // For flushers. What waits and stands together; `waits` until there is something. Taken::nothing promises a wake.
  Taken takeRun(Run* run, bool waits);
  // 0 or errno: writes and flushes, on the calling thread.
  int makeDurable(const Run& run);
  int openFor(const Run& run, SegmentFile* file) { return files_.acquire(run.base(), true, file); }
  void closeFor(const Run& run) { files_.release(run.base()); }
  void complete(const Run& run, int error);
  int latchedError();

 private:
  enum class Ahead { none, working, done };

  int submitStores(const uint8_t* bytes, int64_t size, int64_t position);
  int pin(int64_t base);
  void unpin(int64_t base);
  int flush(int fd);
  void latch(int error);
  void ring() const;
  int finishOpening(int error);

  const LogMode mode_;
  SegmentFiles files_;
  std::string means_;
  std::unique_ptr<Flusher> flusher_;
  std::vector<uint8_t*> chunks_;
  int32_t* durableWord_ = nullptr;
  int32_t* errorWord_ = nullptr;
  int32_t* doorbell_ = nullptr;

  std::mutex mutex_;
  std::condition_variable workReady_;
  std::condition_variable idle_;
  Submission submissions_[kInFlightMax];
  uint32_t submitted_ = 0;
  uint32_t durable_ = 0;
  int inFlight_ = 0;
  int error_ = 0;
  // A flusher found nothing to take and waits for a wake.
  bool isFlusherIdle_ = false;
  bool isClosing_ = false;

  // Dax: the segment that is stored into, acquired until another one is.
  int64_t pinnedBase_ = -1;
  SegmentFile pinned_;

  Ahead ahead_ = Ahead::none;
  int64_t aheadBase_ = -1;
  int aheadError_ = 0;
  std::vector<uint8_t> aheadHeader_;

  // Held over a flush and the latching of its error.
  std::mutex flushMutex_;
  std::mutex closeMutex_;
  bool isClosed_ = false;
};

}  // namespace synod
