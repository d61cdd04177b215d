// io_uring by its own system calls: no library, no kernel header of a certain age.
//
//   queueWrite ──▶ submission ring ── enter ──▶ kernel ──▶ completion ring ──▶ next
//
// One thread creates, fills and reaps a ring; the kernel then runs its completion work only when that thread asks for it.
#pragma once
#include <cstdint>

namespace synod {

class Uring {
 public:
  ~Uring() { close(); }

  // 0 or the errno that keeps it from being used. `entries` is a power of two.
  int open(uint32_t entries);
  void close();
  bool isOpen() const { return fd_ >= 0; }

  // Room for the caller's operations is the caller's business: at most `entries` are queued or in flight.
  void queueWrite(int fd, const uint8_t* bytes, uint32_t size, int64_t offset, uint64_t tag);
  void queueRead(int fd, uint8_t* bytes, uint32_t size, uint64_t tag);
  // Hands over what is queued and waits for `least` completions. 0 or errno; EINTR and the like are the caller's to try again.
  int enter(uint32_t least);
  // The next completion; false where there is none.
  bool next(uint64_t* tag, int32_t* result);

 private:
  struct Entry;
  struct Completion;

  int map(const void* parameters);
  Entry* queue(uint8_t operation, int fd, const void* bytes, uint32_t size, uint64_t offset, uint64_t tag);

  int fd_ = -1;
  void* rings_ = nullptr;
  uint64_t ringBytes_ = 0;
  Entry* entries_ = nullptr;
  uint64_t entryBytes_ = 0;
  uint32_t* submissionTail_ = nullptr;
  uint32_t* submissionArray_ = nullptr;
  uint32_t submissionMask_ = 0;
  uint32_t queued_ = 0;
  uint32_t* completionHead_ = nullptr;
  uint32_t* completionTail_ = nullptr;
  uint32_t completionMask_ = 0;
  Completion* completions_ = nullptr;
};

}  // namespace synod
