// Exports of the logs: probing a path, and the devices by handle.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <napi.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exports.h"
#include "log_registry.h"

namespace synod {
namespace {

constexpr long kTmpfsMagic = 0x01021994;
constexpr long kRamfsMagic = 0x858458f6;

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
  const int64_t position = static_cast<int64_t>(numberAt(info, 4));
  return number(info, log->submit(intAt(info, 1), intAt(info, 2), intAt(info, 3), position, boolAt(info, 5)));
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

}  // namespace

void exportLog(Napi::Env env, Napi::Object exports) {
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
}

}  // namespace synod
