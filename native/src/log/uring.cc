#include "uring.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace synod {
namespace {

// The kernel's numbers and structures (include/uapi/linux/io_uring.h), as far as they are used here.
constexpr long kSetup = 425;
constexpr long kEnter = 426;
constexpr uint8_t kRead = 22;
constexpr uint8_t kWrite = 23;
constexpr uint32_t kGetEvents = 1;
constexpr uint32_t kSingleMap = 1;
constexpr uint32_t kSingleIssuer = 1 << 12;
constexpr uint32_t kDeferTaskrun = 1 << 13;
constexpr off_t kRingsOffset = 0;
constexpr off_t kEntriesOffset = 0x10000000;

struct SubmissionOffsets {
  uint32_t head, tail, mask, entries, flags, dropped, array, reserved;
  uint64_t userAddress;
};

struct CompletionOffsets {
  uint32_t head, tail, mask, entries, overflow, completions, flags, reserved;
  uint64_t userAddress;
};

struct Parameters {
  uint32_t submissionEntries, completionEntries, flags, threadCpu, threadIdle, features, workFd, reserved[3];
  SubmissionOffsets submission;
  CompletionOffsets completion;
};
static_assert(sizeof(Parameters) == 120, "the kernel's io_uring_params");

std::atomic<uint32_t>* shared(uint32_t* word) { return reinterpret_cast<std::atomic<uint32_t>*>(word); }

}  // namespace

struct Uring::Entry {
  uint8_t operation, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t offset, address;
  uint32_t size, writeFlags;
  uint64_t tag;
  uint64_t unused[3];
};

struct Uring::Completion {
  uint64_t tag;
  int32_t result;
  uint32_t flags;
};

int Uring::open(uint32_t entries) {
  static_assert(sizeof(Entry) == 64 && sizeof(Completion) == 16, "the kernel's io_uring_sqe and io_uring_cqe");
  // Older kernels refuse the flags and work without them.
  for (const uint32_t flags : {kSingleIssuer | kDeferTaskrun, 0u}) {
    Parameters parameters{};
    parameters.flags = flags;
    fd_ = static_cast<int>(syscall(kSetup, entries, &parameters));
    if (fd_ >= 0) {
      const int error = map(&parameters);
      if (error != 0) close();
      return error;
    }
    if (errno != EINVAL) break;
  }
  return errno;
}

int Uring::map(const void* given) {
  const Parameters& parameters = *static_cast<const Parameters*>(given);
  const SubmissionOffsets& submission = parameters.submission;
  const CompletionOffsets& completion = parameters.completion;
  if ((parameters.features & kSingleMap) == 0) return ENOSYS;  // before Linux 5.4
  const uint64_t submissionEnd = submission.array + parameters.submissionEntries * sizeof(uint32_t);
  const uint64_t completionEnd = completion.completions + parameters.completionEntries * sizeof(Completion);
  ringBytes_ = submissionEnd > completionEnd ? submissionEnd : completionEnd;
  entryBytes_ = parameters.submissionEntries * sizeof(Entry);
  void* rings = mmap(nullptr, ringBytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, kRingsOffset);
  if (rings == MAP_FAILED) return errno;
  rings_ = rings;
  void* entries = mmap(nullptr, entryBytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, kEntriesOffset);
  if (entries == MAP_FAILED) return errno;
  entries_ = static_cast<Entry*>(entries);
  auto word = [rings](uint32_t offset) { return reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(rings) + offset); };
  submissionTail_ = word(submission.tail);
  submissionArray_ = word(submission.array);
  submissionMask_ = *word(submission.mask);
  completionHead_ = word(completion.head);
  completionTail_ = word(completion.tail);
  completionMask_ = *word(completion.mask);
  completions_ = reinterpret_cast<Completion*>(word(completion.completions));
  return 0;
}

void Uring::close() {
  if (entries_ != nullptr) munmap(entries_, entryBytes_);
  if (rings_ != nullptr) munmap(rings_, ringBytes_);
  if (fd_ >= 0) ::close(fd_);
  entries_ = nullptr;
  rings_ = nullptr;
  fd_ = -1;
}

Uring::Entry* Uring::queue(uint8_t operation, int fd, const void* bytes, uint32_t size, uint64_t offset, uint64_t tag) {
  const uint32_t tail = *submissionTail_;
  Entry* entry = &entries_[tail & submissionMask_];
  memset(entry, 0, sizeof *entry);
  entry->operation = operation;
  entry->fd = fd;
  entry->address = reinterpret_cast<uint64_t>(bytes);
  entry->size = size;
  entry->offset = offset;
  entry->tag = tag;
  submissionArray_[tail & submissionMask_] = tail & submissionMask_;
  shared(submissionTail_)->store(tail + 1, std::memory_order_release);
  queued_ += 1;
  return entry;
}

void Uring::queueWrite(int fd, const uint8_t* bytes, uint32_t size, int64_t offset, uint64_t tag) {
  queue(kWrite, fd, bytes, size, static_cast<uint64_t>(offset), tag);
}

void Uring::queueRead(int fd, uint8_t* bytes, uint32_t size, uint64_t tag) { queue(kRead, fd, bytes, size, 0, tag); }

int Uring::enter(uint32_t least) {
  const long taken = syscall(kEnter, fd_, queued_, least, kGetEvents, nullptr, 0);
  if (taken < 0) return errno;
  queued_ -= static_cast<uint32_t>(taken);
  return 0;
}

bool Uring::next(uint64_t* tag, int32_t* result) {
  const uint32_t head = *completionHead_;
  if (head == shared(completionTail_)->load(std::memory_order_acquire)) return false;
  const Completion& completion = completions_[head & completionMask_];
  *tag = completion.tag;
  *result = completion.result;
  shared(completionHead_)->store(head + 1, std::memory_order_release);
  return true;
}

}  // namespace synod
