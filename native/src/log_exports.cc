// Exports of the logs: probing a path, and the devices by handle.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <napi.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "exports.h"
#include "log/image_flush.h"
#include "log/persist.h"
#include "log_registry.h"

namespace synod {
namespace {

bool takesDirectWrites(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  if (fd < 0) return false;
  void* block = nullptr;
  bool takes = false;
  if (posix_memalign(&block, kBlockBytes, kBlockBytes) == 0) {
    memset(block, 0, kBlockBytes);
    // A full device refuses the write and still takes direct ones.
    takes = pwrite(fd, block, kBlockBytes, 0) == kBlockBytes || errno == ENOSPC || errno == EDQUOT;
    free(block);
  }
  close(fd);
  return takes;
}

// MAP_SYNC is the one honest answer: libraries can be told to believe in persistent memory where there is none.
bool takesSyncedStores(int fd) {
  if (ftruncate(fd, kSegmentBytes) != 0) return false;
  SegmentFile file;
  file.fd = fd;
  if (mapSegmentFile(&file, false) != 0) return false;
  munmap(file.map, static_cast<size_t>(kSegmentBytes));
  return true;
}

Napi::Value ProbePath(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  Napi::Object result = Napi::Object::New(info.Env());
  struct statfs fs {};
  const bool isKnown = statfs(path.c_str(), &fs) == 0;
  const std::string probe = path + "/probe.tmp";
  const int fd = open(probe.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  const bool isVolatile = fd >= 0 && isVolatileFile(fd);
  const bool takesStores = fd >= 0 && !isVolatile && takesSyncedStores(fd);
  if (fd >= 0) close(fd);
  result.Set("direct", !isVolatile && takesDirectWrites(probe));
  result.Set("dax", takesStores && persistMeans() != nullptr);
  result.Set("volatile", isVolatile);
  result.Set("freeBytes", isKnown ? static_cast<double>(fs.f_bavail) * fs.f_bsize : 0);
  unlink(probe.c_str());
  return result;
}

Napi::Value LogOpen(const Napi::CallbackInfo& info) {
  const std::string directory = info[0].ToString();
  const std::string name = info[1].ToString();
  const LogMode mode = name == "dax" ? LogMode::dax : name == "direct" ? LogMode::direct : LogMode::buffered;
  if (mode == LogMode::dax && persistMeans() == nullptr) return number(info, -EOPNOTSUPP);
  return number(info, LogRegistry::instance().open(directory, mode, boolAt(info, 2)));
}

Napi::Value LogMeans(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  return Napi::String::New(info.Env(), log ? log->means() : "");
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

// 0 once the segment is open; -EAGAIN: ask again.
Napi::Value LogOpenAhead(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (!log || !info[2].IsTypedArray()) return number(info, -EINVAL);
  Napi::Uint8Array header = info[2].As<Napi::Uint8Array>();
  if (header.ByteLength() < static_cast<size_t>(kBlockBytes)) return number(info, -EINVAL);
  return number(info, log->openAhead(static_cast<int64_t>(numberAt(info, 1)), header.Data()));
}

void LogRetire(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (log) log->retireSegment(static_cast<int64_t>(numberAt(info, 1)));
}

Napi::Value LogSubmit(const Napi::CallbackInfo& info) {
  auto log = LogRegistry::instance().find(intAt(info, 0));
  if (!log) return number(info, -EBADF);
  const int64_t segment = intAt(info, 4);
  return number(info, log->submit(intAt(info, 1), intAt(info, 2), intAt(info, 3), segment, boolAt(info, 5)));
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

Napi::Value ImageBegin(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  return number(info, -beginImage(path.c_str(), static_cast<int64_t>(numberAt(info, 1)), static_cast<int64_t>(numberAt(info, 2))));
}

Napi::Value ImageFlush(const Napi::CallbackInfo& info) {
  const std::string path = info[0].ToString();
  const int64_t from = static_cast<int64_t>(numberAt(info, 1));
  const int64_t end = static_cast<int64_t>(numberAt(info, 2));
  return number(info, -flushImage(path.c_str(), from, end, boolAt(info, 3)));
}

}  // namespace

void exportLog(Napi::Env env, Napi::Object exports) {
  exports.Set("probePath", Napi::Function::New(env, ProbePath));
  exports.Set("logOpen", Napi::Function::New(env, LogOpen));
  exports.Set("logAttach", Napi::Function::New(env, LogAttach));
  exports.Set("logBind", Napi::Function::New(env, LogBind));
  exports.Set("logOpenSegment", Napi::Function::New(env, LogOpenSegment));
  exports.Set("logOpenAhead", Napi::Function::New(env, LogOpenAhead));
  exports.Set("logRetire", Napi::Function::New(env, LogRetire));
  exports.Set("logMeans", Napi::Function::New(env, LogMeans));
  exports.Set("logSubmit", Napi::Function::New(env, LogSubmit));
  exports.Set("logRead", Napi::Function::New(env, LogRead));
  exports.Set("imageBegin", Napi::Function::New(env, ImageBegin));
  exports.Set("imageFlush", Napi::Function::New(env, ImageFlush));
  exports.Set("logClose", Napi::Function::New(env, LogClose));
  exports.Set("logCloseDirectory", Napi::Function::New(env, LogCloseDirectory));
}

}  // namespace synod
