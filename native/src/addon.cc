// The addon's entry: memory, parking and clock exports; `export*` of exports.h add the rest. Integers in, integers out
// (negative = -errno); no exceptions.
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <napi.h>
#include <sys/mman.h>

#include "crc32c.h"
#include "exports.h"
#include "layout.generated.h"
#include "log_registry.h"
#include "park.h"

namespace synod {
namespace {

constexpr int kAbi = 7;

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
  exportLog(env, exports);
  exportLinks(env, exports);
  exportFabric(env, exports);
  return exports;
}

}  // namespace
}  // namespace synod

Napi::Object InitSynod(Napi::Env env, Napi::Object exports) { return synod::Init(env, exports); }
NODE_API_MODULE(synod, InitSynod)
