// The bare paths to a medium, timed in C++: what any log could do at most with the same bytes, files and depth.
//
//   pwrite   O_DIRECT | O_DSYNC, one at a time            fdatasync  write + fdatasync, one at a time
//   uring    the same, `depth` in flight by one thread    store      non-temporal stores into a mapping, then a fence
//
// The bytes come from as much memory as a log's tail has: it, too, writes others each time, which no cache holds.
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <napi.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.generated.h"
#include "log/persist.h"
#include "log/uring.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPage = 4096;
constexpr int kDepthMax = 64;
constexpr size_t kTailBytes = 2 * synod::layout::LOG_SEGMENT_BYTES;

double microseconds(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::micro>(to - from).count(); }

struct FreeMemory {
  void operator()(uint8_t* memory) const { free(memory); }
};

class Bare {
 public:
  ~Bare() {
    ring_.close();
    if (map_ != nullptr) munmap(map_, fileBytes_);
    if (fd_ >= 0) close(fd_);
  }

  // 0 or errno. The file exists and is full of zeros.
  int open(const std::string& path, const std::string& mode, size_t size, int depth, size_t fileBytes) {
    mode_ = mode;
    size_ = size;
    depth_ = depth;
    fileBytes_ = fileBytes;
    void* memory = nullptr;
    if (posix_memalign(&memory, kPage, kTailBytes) != 0) return ENOMEM;
    bytes_.reset(static_cast<uint8_t*>(memory));
    memset(memory, 0x5a, kTailBytes);
    const bool isDirect = mode == "pwrite" || mode == "uring";
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (isDirect ? O_DIRECT | O_DSYNC : 0));
    if (fd_ < 0) return errno;
    if (mode == "uring") return ring_.open(kDepthMax);
    if (mode != "store") return 0;
    void* map = mmap(nullptr, fileBytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, 0);
    if (map == MAP_FAILED) return errno;
    map_ = static_cast<uint8_t*>(map);
    return 0;
  }

  // 0 or errno; each write's microseconds into `latencies`.
  int run(int count, double* latencies) { return mode_ == "uring" ? runRing(count, latencies) : runAlone(count, latencies); }

 private:
  int runAlone(int count, double* latencies) {
    for (int i = 0; i < count; i++) {
      const auto start = Clock::now();
      const int error = write();
      if (error != 0) return error;
      latencies[i] = microseconds(start, Clock::now());
      advance();
    }
    return 0;
  }

  int write() {
    if (mode_ == "store") {
      synod::persistCopy(map_ + at_, bytes_.get() + from_, size_);
      synod::persistFence();
      return 0;
    }
    const ssize_t done = pwrite(fd_, bytes_.get() + from_, size_, static_cast<off_t>(at_));
    if (done != static_cast<ssize_t>(size_)) return done < 0 ? errno : EIO;
    return mode_ == "fdatasync" && fdatasync(fd_) != 0 ? errno : 0;
  }

  int runRing(int count, double* latencies) {
    Clock::time_point starts[kDepthMax];
    bool isUsed[kDepthMax] = {};
    for (int asked = 0, done = 0; done < count;) {
      for (int slot = 0; slot < depth_ && asked < count; slot++) {
        if (isUsed[slot]) continue;
        isUsed[slot] = true;
        starts[slot] = Clock::now();
        ring_.queueWrite(fd_, bytes_.get() + from_, static_cast<uint32_t>(size_), static_cast<int64_t>(at_), static_cast<uint64_t>(slot));
        advance();
        asked++;
      }
      const int error = ring_.enter(1);
      if (error != 0 && error != EINTR) return error;
      uint64_t slot = 0;
      int32_t result = 0;
      while (ring_.next(&slot, &result)) {
        if (result != static_cast<int32_t>(size_)) return result < 0 ? -result : EIO;
        latencies[done++] = microseconds(starts[slot], Clock::now());
        isUsed[slot] = false;
      }
    }
    return 0;
  }

  void advance() {
    at_ = at_ + 2 * size_ > fileBytes_ ? 0 : at_ + size_;
    from_ = from_ + 2 * size_ > kTailBytes ? 0 : from_ + size_;
  }

  std::string mode_;
  size_t size_ = 0;
  int depth_ = 1;
  size_t fileBytes_ = 0;
  int fd_ = -1;
  size_t at_ = 0;
  size_t from_ = 0;
  uint8_t* map_ = nullptr;
  std::unique_ptr<uint8_t, FreeMemory> bytes_;
  synod::Uring ring_;
};

std::map<int, std::unique_ptr<Bare>> opened;
int lastHandle = 0;

// A handle, or -errno.
Napi::Value Open(const Napi::CallbackInfo& info) {
  auto bare = std::make_unique<Bare>();
  const std::string path = info[0].ToString();
  const std::string mode = info[1].ToString();
  const int error = bare->open(path, mode, static_cast<size_t>(info[2].ToNumber().Int64Value()), info[3].ToNumber().Int32Value(),
                               static_cast<size_t>(info[4].ToNumber().Int64Value()));
  if (error != 0) return Napi::Number::New(info.Env(), -error);
  opened[++lastHandle] = std::move(bare);
  return Napi::Number::New(info.Env(), lastHandle);
}

// Seconds, or -errno; as many writes as there are latencies.
Napi::Value Run(const Napi::CallbackInfo& info) {
  Napi::Float64Array latencies = info[1].As<Napi::Float64Array>();
  const auto start = Clock::now();
  const int error = opened.at(info[0].ToNumber().Int32Value())->run(static_cast<int>(latencies.ElementLength()), latencies.Data());
  return Napi::Number::New(info.Env(), error != 0 ? -error : microseconds(start, Clock::now()) / 1e6);
}

void Close(const Napi::CallbackInfo& info) { opened.erase(info[0].ToNumber().Int32Value()); }

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open));
  exports.Set("run", Napi::Function::New(env, Run));
  exports.Set("close", Napi::Function::New(env, Close));
  return exports;
}

}  // namespace

NODE_API_MODULE(bare, Init)
