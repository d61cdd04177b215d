// An io_uring of our own, at the level of its system calls: as much as the addon uses, with completions in the order that a test lets
// them go, and failures and short writes where it wants them. Runs where the kernel forbids the real one.
#include "double.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <memory>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

extern "C" {
long __real_syscall(long number, ...);
int __real_close(int fd);
void* __real_mmap(void* address, size_t size, int access, int flags, int fd, off_t offset);
ssize_t __real_pwrite(int fd, const void* bytes, size_t size, off_t offset);
}

namespace medium {
namespace {

constexpr long kSetup = 425;
constexpr long kEnter = 426;
constexpr uint8_t kRead = 22;
constexpr int64_t kEntriesOffset = 0x10000000;
constexpr size_t kPage = 4096;

struct Entry {
  uint8_t operation, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t offset, address;
  uint32_t size, writeFlags;
  uint64_t tag;
  uint64_t unused[3];
};

struct Completion {
  uint64_t tag;
  int32_t result;
  uint32_t flags;
};

// Places in the ring's page: head, tail and mask of both rings, the array, the completions.
enum : uint32_t { kHead = 0, kTail = 4, kMask = 8, kDoneHead = 64, kDoneTail = 68, kDoneMask = 72, kArray = 128, kDone = 1024 };

struct Ring {
  uint8_t* rings = nullptr;
  Entry* entries = nullptr;
  uint32_t count = 0;
  // Written and not told: waits until the medium lets it go.
  struct Waiting {
    int id;
    uint64_t tag;
    int32_t result;
  };
  std::vector<Waiting> waiting;
  bool hasRead = false;
  Entry read{};
  int wakeFd = -1;

  ~Ring() { __real_close(wakeFd); }

  std::atomic<uint32_t>* word(uint32_t at) { return reinterpret_cast<std::atomic<uint32_t>*>(rings + at); }

  void complete(uint64_t tag, int32_t result) {
    const uint32_t tail = word(kDoneTail)->load();
    reinterpret_cast<Completion*>(rings + kDone)[tail % (2 * count)] = Completion{tag, result, 0};
    word(kDoneTail)->store(tail + 1);
  }

  uint32_t ready() { return word(kDoneTail)->load() - word(kDoneHead)->load(); }
};

// By descriptor. Has a mutex of its own: it is asked from within the medium's.
struct Rings {
  std::mutex mutex;
  std::map<int, std::unique_ptr<Ring>> all;

  static Rings& instance() {
    static auto* rings = new Rings();
    return *rings;
  }

  Ring* find(int fd) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = all.find(fd);
    return found == all.end() ? nullptr : found->second.get();
  }
};

void* pages(size_t size) { return __real_mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

// The offsets of struct io_uring_params, in words.
long setUp(uint32_t entries, uint32_t* parameters) {
  auto ring = std::make_unique<Ring>();
  ring->count = entries;
  ring->rings = static_cast<uint8_t*>(pages(kPage));
  ring->entries = static_cast<Entry*>(pages(kPage));
  ring->wakeFd = eventfd(0, EFD_CLOEXEC);
  ring->word(kMask)->store(entries - 1);
  ring->word(kDoneMask)->store(2 * entries - 1);
  memset(parameters + 10, 0, 80);
  parameters[0] = entries;
  parameters[1] = 2 * entries;
  parameters[5] = 1;  // one mapping for both rings
  parameters[10] = kHead;
  parameters[11] = kTail;
  parameters[12] = kMask;
  parameters[16] = kArray;
  parameters[20] = kDoneHead;
  parameters[21] = kDoneTail;
  parameters[22] = kDoneMask;
  parameters[25] = kDone;
  const int fd = eventfd(0, EFD_CLOEXEC);
  Rings& rings = Rings::instance();
  std::lock_guard<std::mutex> lock(rings.mutex);
  rings.all[fd] = std::move(ring);
  return fd;
}

void take(Ring* ring, const Entry& entry) {
  if (entry.operation == kRead) {
    ring->hasRead = true;
    ring->read = entry;
    return;
  }
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  const OpenFile file = all.files[entry.fd];
  const int fault = all.faultOf("uring_write:seg");
  if (fault > 0) {
    ring->complete(entry.tag, -fault);
    return;
  }
  const uint32_t size = fault < 0 ? entry.size / 2 / 512 * 512 : entry.size;
  const auto* bytes = reinterpret_cast<const uint8_t*>(entry.address);
  const int id = all.nextId++;
  all.record(Event{"write", id, nameOf(file.path), "", static_cast<int64_t>(entry.offset), file.isSync, {bytes, bytes + size}});
  const ssize_t done = size == 0 ? 0 : __real_pwrite(entry.fd, bytes, size, static_cast<off_t>(entry.offset));
  ring->waiting.push_back(Ring::Waiting{id, entry.tag, static_cast<int32_t>(done < 0 ? -errno : done)});
  if (all.mustHold()) all.held.push_back(id);
}

void tellDone(Ring* ring) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (size_t i = 0; i < ring->waiting.size();) {
    const Ring::Waiting each = ring->waiting[i];
    if (all.isHeld(each.id)) {
      i++;
      continue;
    }
    ring->waiting.erase(ring->waiting.begin() + static_cast<long>(i));
    Event event;
    event.kind = "written";
    event.id = each.id;
    if (each.result > 0) all.record(std::move(event));
    ring->complete(each.tag, each.result);
  }
}

// Waits until a write is let go or the addon's own eventfd is rung.
void sleep(Ring* ring) {
  pollfd sources[2] = {{ring->wakeFd, POLLIN, 0}, {ring->hasRead ? ring->read.fd : -1, POLLIN, 0}};
  if (poll(sources, 2, -1) <= 0) return;
  uint64_t count = 0;
  if ((sources[0].revents & POLLIN) != 0 && ::read(ring->wakeFd, &count, sizeof count) < 0) return;
  if ((sources[1].revents & POLLIN) == 0) return;
  ring->hasRead = false;
  const ssize_t got = ::read(ring->read.fd, reinterpret_cast<void*>(ring->read.address), ring->read.size);
  ring->complete(ring->read.tag, static_cast<int32_t>(got));
}

long enter(int fd, uint32_t count, uint32_t least) {
  Ring* ring = Rings::instance().find(fd);
  {
    Medium& all = Medium::instance();
    std::lock_guard<std::mutex> lock(all.mutex);
    const int error = all.faultOf("uring_enter");
    if (error > 0) {
      errno = error;
      return -1;
    }
  }
  auto* array = reinterpret_cast<uint32_t*>(ring->rings + kArray);
  for (uint32_t taken = 0; taken < count; taken++) {
    const uint32_t head = ring->word(kHead)->load();
    take(ring, ring->entries[array[head % ring->count]]);
    ring->word(kHead)->store(head + 1);
  }
  for (tellDone(ring); ring->ready() < least; tellDone(ring)) sleep(ring);
  return count;
}

}  // namespace

bool isFakeUring(int fd) { return Rings::instance().find(fd) != nullptr; }

void* mapFakeUring(int fd, int64_t offset) {
  Ring* ring = Rings::instance().find(fd);
  return offset == kEntriesOffset ? static_cast<void*>(ring->entries) : ring->rings;
}

void forgetFakeUring(int fd) {
  Rings& rings = Rings::instance();
  std::lock_guard<std::mutex> lock(rings.mutex);
  rings.all.erase(fd);
}

void wakeFakeUrings() {
  const uint64_t one = 1;
  Rings& rings = Rings::instance();
  std::lock_guard<std::mutex> lock(rings.mutex);
  for (auto& ring : rings.all) {
    if (::write(ring.second->wakeFd, &one, sizeof one) < 0) continue;
  }
}

}  // namespace medium

extern "C" long __wrap_syscall(long number, ...) {
  va_list more;
  va_start(more, number);
  long given[6];
  for (long& each : given) each = va_arg(more, long);
  va_end(more);
  medium::Medium& all = medium::Medium::instance();
  if (number == medium::kSetup) {
    {
      std::lock_guard<std::mutex> lock(all.mutex);
      const int error = all.uringMode == "refused" ? EPERM : all.faultOf("uring_setup");
      if (error > 0) {
        errno = error;
        return -1;
      }
    }
    if (all.uringMode == "fake") return medium::setUp(static_cast<uint32_t>(given[0]), reinterpret_cast<uint32_t*>(given[1]));
  }
  if (number == medium::kEnter && medium::isFakeUring(static_cast<int>(given[0]))) {
    return medium::enter(static_cast<int>(given[0]), static_cast<uint32_t>(given[1]), static_cast<uint32_t>(given[2]));
  }
  return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
