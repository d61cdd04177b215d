// What tests say to the medium, and hear of it: more exports on the addon's object.
#include <napi.h>

#include "double.h"

// synod::exportLog(Napi::Env, Napi::Object)
extern "C" void __real__ZN5synod9exportLogEN4Napi3EnvENS0_6ObjectE(Napi::Env env, Napi::Object exports);

namespace medium {
namespace {

std::string textAt(const Napi::CallbackInfo& info, size_t i) { return info[i].ToString(); }

int intAt(const Napi::CallbackInfo& info, size_t i) { return info[i].ToNumber().Int32Value(); }

void Reset(const Napi::CallbackInfo&) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.faults.clear();
  all.calls.clear();
  all.trace.clear();
  all.isRecording = false;
  all.holdsAll = false;
  all.holdIn = 0;
  all.uringMode = "real";
  all.letGo(0);
  wakeFakeUrings();
}

void Uring(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.uringMode = textAt(info, 0);
}

// The nth call of that name from now on fails with the errno, or does half of its work where that is -1.
void Fail(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.faults[textAt(info, 0)] = Fault{intAt(info, 1), intAt(info, 2)};
}

Napi::Value Calls(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Napi::Object result = Napi::Object::New(info.Env());
  for (const auto& call : all.calls) result.Set(call.first, call.second);
  return result;
}

void Hold(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.holdIn = intAt(info, 0);
}

void HoldAll(const Napi::CallbackInfo&) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.holdsAll = true;
}

Napi::Value Held(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Napi::Array result = Napi::Array::New(info.Env());
  for (const int id : all.held) result.Set(result.Length(), id);
  return result;
}

// One write by its id, or all and none from now on.
void LetGo(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  const int id = info.Length() > 0 ? intAt(info, 0) : 0;
  if (id == 0) {
    all.holdsAll = false;
    all.holdIn = 0;
  }
  all.letGo(id);
  wakeFakeUrings();
}

void Record(const Napi::CallbackInfo&) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.trace.clear();
  all.isRecording = true;
}

// A mark of the test's own among the events.
void Mark(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Event event;
  event.kind = "mark";
  event.id = intAt(info, 0);
  all.record(std::move(event));
}

Napi::Value Trace(const Napi::CallbackInfo& info) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Napi::Array result = Napi::Array::New(info.Env(), all.trace.size());
  for (uint32_t i = 0; i < all.trace.size(); i++) {
    const Event& event = all.trace[i];
    Napi::Object each = Napi::Object::New(info.Env());
    each.Set("kind", event.kind);
    each.Set("id", event.id);
    each.Set("file", event.file);
    each.Set("other", event.other);
    each.Set("offset", static_cast<double>(event.offset));
    each.Set("isSync", event.isSync);
    each.Set("bytes", Napi::Buffer<uint8_t>::Copy(info.Env(), event.bytes.data(), event.bytes.size()));
    result.Set(i, each);
  }
  return result;
}

void exportDouble(Napi::Env env, Napi::Object exports) {
  exports.Set("mediumReset", Napi::Function::New(env, Reset));
  exports.Set("mediumUring", Napi::Function::New(env, Uring));
  exports.Set("mediumFail", Napi::Function::New(env, Fail));
  exports.Set("mediumCalls", Napi::Function::New(env, Calls));
  exports.Set("mediumHold", Napi::Function::New(env, Hold));
  exports.Set("mediumHoldAll", Napi::Function::New(env, HoldAll));
  exports.Set("mediumHeld", Napi::Function::New(env, Held));
  exports.Set("mediumLetGo", Napi::Function::New(env, LetGo));
  exports.Set("mediumRecord", Napi::Function::New(env, Record));
  exports.Set("mediumMark", Napi::Function::New(env, Mark));
  exports.Set("mediumTrace", Napi::Function::New(env, Trace));
}

}  // namespace
}  // namespace medium

extern "C" void __wrap__ZN5synod9exportLogEN4Napi3EnvENS0_6ObjectE(Napi::Env env, Napi::Object exports) {
  __real__ZN5synod9exportLogEN4Napi3EnvENS0_6ObjectE(env, exports);
  medium::exportDouble(env, exports);
}
