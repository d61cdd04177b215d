// A device serves one write after the other, and a flush waits for all before it: the more of an image is on its way, the longer a log
// waits. So beside busy logs a piece goes only when none of their writes is under way, and the device rests after it.
//
//   logs quiet:  ████████████████   large pieces, two under way          logs busy:  █···█···█   small ones, one, rests in between
#include "image_flush.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "log_traffic.h"

namespace synod {
namespace {

#if defined(__linux__)

constexpr int64_t kPieceBytes = 1 << 18;
constexpr int64_t kQuietPieceBytes = 1 << 21;
// Logs that wrote nothing for so long are idle.
constexpr int64_t kQuietNs = 20 * 1000000ll;
// Waited for a moment without a log's write at most, and how often.
constexpr int64_t kGiveWayNs = 2 * 1000000ll;
constexpr int64_t kLookNs = 50 * 1000ll;
// The rest after a piece, in times of what it took.
constexpr int64_t kRestTimes = 2;

class File {
 public:
  explicit File(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

void sleepNs(int64_t ns) {
  timespec left{ns / 1000000000, ns % 1000000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

bool areLogsQuiet() { return LogTraffic::instance().quietNs() >= kQuietNs; }

void giveWay() {
  const int64_t end = LogTraffic::nowNs() + kGiveWayNs;
  while (LogTraffic::instance().isInFlight() && LogTraffic::nowNs() < end) sleepNs(kLookNs);
}

int begin(int fd, int64_t from, int64_t end) { return sync_file_range(fd, from, end - from, SYNC_FILE_RANGE_WRITE) == 0 ? 0 : errno; }

int finish(int fd, int64_t from, int64_t end) {
  const unsigned whole = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  return sync_file_range(fd, from, end - from, whole) == 0 ? 0 : errno;
}

int writePiece(int fd, int64_t from, int64_t end) {
  giveWay();
  const int64_t start = LogTraffic::nowNs();
  const int error = finish(fd, from, end);
  sleepNs(kRestTimes * (LogTraffic::nowNs() - start));
  return error;
}

}  // namespace

int beginImage(const char* path, int64_t from, int64_t end) {
  if (!areLogsQuiet()) return 0;
  const File file(path);
  return file.fd() < 0 ? errno : begin(file.fd(), from, end);
}

int flushImage(const char* path, int64_t from, int64_t end, bool isUrgent) {
  const File file(path);
  if (file.fd() < 0) return errno;
  int error = 0;
  for (int64_t at = from; error == 0 && at < end;) {
    const bool isFast = isUrgent || areLogsQuiet();
    const int64_t next = std::min(end, at + (isFast ? kQuietPieceBytes : kPieceBytes));
    if (isFast) {
      error = begin(file.fd(), at, std::min(end, next + kQuietPieceBytes));
      if (error == 0) error = finish(file.fd(), at, next);
    } else {
      error = writePiece(file.fd(), at, next);
    }
    at = next;
  }
  return error;
}

#else

}  // namespace

int beginImage(const char*, int64_t, int64_t) { return 0; }

int flushImage(const char* path, int64_t, int64_t, bool) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

#endif

}  // namespace synod
