// The asynchronous log device: a queue of submissions, a few flusher threads, and a durable word that counts the contiguous
// prefix of completed submissions.
//
//   submit ──▶ ring of 16 ──▶ flushers: pwrite (+ fdatasync) ──▶ done marks ──▶ durable word, doorbell
//
// Belongs to the process, not to an isolate: a worker may die with writes in flight; drain() waits for them (S22).
#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace synod {

constexpr int kInFlightMax = 16;
constexpr int64_t kSegmentBytes = 1 << 24;
constexpr int64_t kBlockBytes = 4096;

enum class LogMode { direct, buffered };

struct Submission {
  const uint8_t* bytes = nullptr;
  int64_t position = 0;
  int64_t size = 0;
  bool taken = false;
  bool done = false;
};

class Log {
 public:
  Log(std::string directory, LogMode mode, int flushers);
  ~Log();
  const std::string& directory() const { return directory_; }

  void attachChunk(int index, uint8_t* bytes);
  void bind(int32_t* durable, int32_t* error, int32_t* doorbell);
  // 0, or -errno. Blocks: creates or takes the prepared file, writes the header block durably.
  int openSegment(int64_t base, const uint8_t* header);
  // 0, -EAGAIN while kInFlightMax are in flight, or the latched -errno.
  int submit(int chunk, int64_t offset, int64_t size, int64_t position, bool alone);
  int read(int64_t position, uint8_t* target, int64_t size);
  void drain();
  void close();
  // Tests: the nth submission from now on fails with `error`.
  void injectFault(int nth, int error);

 private:
  void flusherMain();
  void preparerMain();
  int write(const Submission& submission);
  int fileOf(int64_t base);
  std::string pathOf(int64_t base) const;
  int makeZeroed(const std::string& path);
  int openFile(const std::string& path, bool create);
  void complete(Submission* submission, int error);
  void syncDirectory();

  const std::string directory_;
  const LogMode mode_;
  std::vector<uint8_t*> chunks_;
  int32_t* durableWord_ = nullptr;
  int32_t* errorWord_ = nullptr;
  int32_t* doorbell_ = nullptr;

  std::mutex mutex_;
  std::condition_variable workReady_;
  std::condition_variable idle_;
  Submission ring_[kInFlightMax];
  uint32_t submitted_ = 0;
  uint32_t durable_ = 0;
  int inFlight_ = 0;
  int error_ = 0;
  int faultIn_ = 0;
  int faultError_ = 0;
  bool closing_ = false;
  bool closed_ = false;
  std::map<int64_t, int> files_;
  std::vector<std::thread> flushers_;

  std::mutex prepareMutex_;
  std::condition_variable prepareWanted_;
  std::condition_variable prepareDone_;
  std::thread preparer_;
  bool wantPrepared_ = false;
  bool hasPrepared_ = false;
  bool preparing_ = false;
};

}  // namespace synod
