// Exports of the addon, and nothing else. Integers in, integers out (negative = -errno); no exceptions.
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <napi.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "crc32c.h"
#include "layout.generated.h"
#include "log_registry.h"
#include "park.h"
#include "regions.h"

namespace synod {
namespace {

constexpr int kAbi = 3;
constexpr long kTmpfsMagic = 0x01021994;
constexpr long kRamfsMagic = 0x858458f6;

Regions& regions(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Regions>(); }

int32_t intAt(const Napi::CallbackInfo& info, size_t i) {
  int32_t value = 0;
  napi_get_value_int32(info.Env(), info[i], &value);
  return value;
}

double numberAt(const Napi::CallbackInfo& info, size_t i) {
  double value = 0;
  napi_get_value_double(info.Env(), info[i], &value);
  return value;
}

Napi::Value number(const Napi::CallbackInfo& info, double value) { return Napi::Number::New(info.Env(), value); }

int32_t* wordAt(const Napi::CallbackInfo& info, size_t region, size_t index) {
  return reinterpret_cast<int32_t*>(regions(info).at(intAt(info, region), 4.0 * intAt(info, index), 4));
}

Napi::Value Abi(const Napi::CallbackInfo& info) { return number(info, kAbi); }

Napi::Value LayoutVersion(const Napi::CallbackInfo& info) { return number(info, layout::VERSION); }

Napi::Value Attach(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array view = info[0].As<Napi::Uint8Array>();
  auto& all = regions(info).all;
  all.emplace_back();
  all.back().bytes = view.Data();
  all.back().size = view.ByteLength();
  all.back().keep = Napi::Reference<Napi::TypedArray>::New(info[0].As<Napi::TypedArray>(), 1);
  return number(info, static_cast<double>(all.size() - 1));
}

void Detach(const Napi::CallbackInfo& info) {
  auto& all = regions(info).all;
  const uint32_t id = intAt(info, 0);
  if (id >= all.size()) return;
  all[id].bytes = nullptr;
  all[id].size = 0;
  all[id].keep.Reset();
}

void Copy(const Napi::CallbackInfo& info) {
  const double size = numberAt(info, 4);
  const uint8_t* from = regions(info).at(intAt(info, 0), numberAt(info, 1), size);
  uint8_t* to = regions(info).at(intAt(info, 2), numberAt(info, 3), size);
  if (from != nullptr && to != nullptr) memmove(to, from, static_cast<size_t>(size));
}

Napi::Value Crc(const Napi::CallbackInfo& info) {
  const double size = numberAt(info, 2);
  const uint8_t* bytes = regions(info).at(intAt(info, 0), numberAt(info, 1), size);
  if (bytes == nullptr) return number(info, 0);
  return number(info, static_cast<int32_t>(crc32c(static_cast<uint32_t>(intAt(info, 3)), bytes, static_cast<size_t>(size))));
}

Napi::Value Park(const Napi::CallbackInfo& info) {
  int32_t* word = wordAt(info, 0, 1);
  if (word == nullptr) return number(info, -EINVAL);
  return number(info, parkOn(word, intAt(info, 2), intAt(info, 3)));
}

void Wake(const Napi::CallbackInfo& info) {
  int32_t* word = wordAt(info, 0, 1);
  if (word != nullptr) wakeOn(word, intAt(info, 2));
}

// Monotonic milliseconds, suspend included, into a Float64 of the region: a returned number would be boxed.
void ClockMs(const Napi::CallbackInfo& info) {
  auto* target = reinterpret_cast<double*>(regions(info).at(intAt(info, 0), 8.0 * intAt(info, 1), 8));
  if (target == nullptr) return;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  *target = now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

void AdviseHuge(const Napi::CallbackInfo& info) {
  auto& all = regions(info).all;
  const uint32_t id = intAt(info, 0);
  if (id < all.size() && all[id].bytes != nullptr) madvise(all[id].bytes, all[id].size, MADV_HUGEPAGE);
}

Napi::Value ProbePath(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  Napi::Object result = Napi::Object::New(info.Env());
  struct statfs fs {};
  const bool known = statfs(path.c_str(), &fs) == 0;
  const std::string probe = path + "/probe.tmp";
  const int fd = open(probe.c_str(), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0644);
  bool direct = false;
  if (fd >= 0) {
    void* block = nullptr;
    if (posix_memalign(&block, kBlockBytes, kBlockBytes) == 0) {
      memset(block, 0, kBlockBytes);
      // A full device refuses the write and still takes direct ones.
      direct = pwrite(fd, block, kBlockBytes, 0) == kBlockBytes || errno == ENOSPC || errno == EDQUOT;
      free(block);
    }
    close(fd);
  }
  unlink(probe.c_str());
  const bool isVolatile = known && (fs.f_type == kTmpfsMagic || fs.f_type == kRamfsMagic);
  result.Set("direct", direct && !isVolatile);
  result.Set("volatile", isVolatile);
  result.Set("freeBytes", known ? static_cast<double>(fs.f_bavail) * fs.f_bsize : 0);
  return result;
}

Napi::Value LogOpen(const Napi::CallbackInfo& info) {
  const std::string directory = info[0].ToString();
  const std::string mode = info[1].ToString();
  return number(info, LogRegistry::instance().open(directory, mode == "direct" ? LogMode::direct : LogMode::buffered, intAt(info, 2)));
}

Napi::Value LogAttach(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  uint8_t* bytes = regions(info).at(intAt(info, 2), 0, static_cast<double>(kSegmentBytes));
  if (!log || bytes == nullptr) return number(info, -EINVAL);
  return number(info, log->attachChunk(intAt(info, 1), bytes));
}

Napi::Value LogBind(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  int32_t* durable = wordAt(info, 1, 2);
  int32_t* error = wordAt(info, 1, 3);
  int32_t* doorbell = wordAt(info, 1, 4);
  if (!log || durable == nullptr || error == nullptr || doorbell == nullptr) return number(info, -EINVAL);
  log->bind(durable, error, doorbell);
  return number(info, 0);
}

Napi::Value LogOpenSegment(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (!log || !info[2].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array header = info[2].As<Napi::Uint8Array>();
  if (header.ByteLength() < static_cast<size_t>(kBlockBytes)) return number(info, -EINVAL);
  return number(info, log->openSegment(static_cast<int64_t>(numberAt(info, 1)), header.Data()));
}

Napi::Value LogSubmit(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (!log) return number(info, -EBADF);
  bool alone = false;
  napi_get_value_bool(info.Env(), info[5], &alone);
  const int64_t position = static_cast<int64_t>(numberAt(info, 4));
  return number(info, log->submit(intAt(info, 1), intAt(info, 2), intAt(info, 3), position, alone));
}

Napi::Value LogRead(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (!log || !info[2].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array target = info[2].As<Napi::Uint8Array>();
  const double offset = numberAt(info, 3);
  const double size = numberAt(info, 4);
  if (offset < 0 || size < 0 || offset + size > static_cast<double>(target.ByteLength())) return number(info, -EINVAL);
  return number(info, log->read(static_cast<int64_t>(numberAt(info, 1)), target.Data() + static_cast<size_t>(offset), static_cast<int64_t>(size)));
}

void LogClose(const Napi::CallbackInfo& info) { LogRegistry::instance().close(intAt(info, 0)); }

void LogCloseDirectory(const Napi::CallbackInfo& info) { LogRegistry::instance().closeDirectory(info[0].ToString()); }

void LogInjectFault(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (log) log->injectFault(intAt(info, 1), intAt(info, 2));
}

void LogHold(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (log) log->hold(intAt(info, 1));
}

Napi::Value LogIsHeld(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  return Napi::Boolean::New(info.Env(), log && log->isHeld());
}

void LogLetGo(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (log) log->letGo();
}

// Isolates that have the addon. The last one is the main isolate, which owns the memory that logs are written from.
std::atomic<int> isolates{0};

void leaveIsolate() {
  if (--isolates == 0) LogRegistry::instance().closeAll();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Regions());
  isolates++;
  env.AddCleanupHook(leaveIsolate);
  exports.Set("abi", Napi::Function::New(env, Abi));
  exports.Set("layoutVersion", Napi::Function::New(env, LayoutVersion));
  exports.Set("attach", Napi::Function::New(env, Attach));
  exports.Set("detach", Napi::Function::New(env, Detach));
  exports.Set("copy", Napi::Function::New(env, Copy));
  exports.Set("crc32c", Napi::Function::New(env, Crc));
  exports.Set("park", Napi::Function::New(env, Park));
  exports.Set("wake", Napi::Function::New(env, Wake));
  exports.Set("clockMs", Napi::Function::New(env, ClockMs));
  exports.Set("adviseHuge", Napi::Function::New(env, AdviseHuge));
  exports.Set("probePath", Napi::Function::New(env, ProbePath));
  exports.Set("logOpen", Napi::Function::New(env, LogOpen));
  exports.Set("logAttach", Napi::Function::New(env, LogAttach));
  exports.Set("logBind", Napi::Function::New(env, LogBind));
  exports.Set("logOpenSegment", Napi::Function::New(env, LogOpenSegment));
  exports.Set("logSubmit", Napi::Function::New(env, LogSubmit));
  exports.Set("logRead", Napi::Function::New(env, LogRead));
  exports.Set("logClose", Napi::Function::New(env, LogClose));
  exports.Set("logCloseDirectory", Napi::Function::New(env, LogCloseDirectory));
  exports.Set("logInjectFault", Napi::Function::New(env, LogInjectFault));
  exports.Set("logHold", Napi::Function::New(env, LogHold));
  exports.Set("logIsHeld", Napi::Function::New(env, LogIsHeld));
  exports.Set("logLetGo", Napi::Function::New(env, LogLetGo));
  return exports;
}

}  // namespace
}  // namespace synod

Napi::Object InitSynod(Napi::Env env, Napi::Object exports) { return synod::Init(env, exports); }
NODE_API_MODULE(synod, InitSynod)
