// What every file of exports needs: arguments as integers, regions of the calling isolate.
#pragma once
#include <cstdint>
#include <napi.h>

#include "regions.h"

namespace synod {

inline Regions& regions(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Regions>(); }

inline int32_t intAt(const Napi::CallbackInfo& info, size_t i) {
  int32_t value = 0;
  napi_get_value_int32(info.Env(), info[i], &value);
  return value;
}

inline double numberAt(const Napi::CallbackInfo& info, size_t i) {
  double value = 0;
  napi_get_value_double(info.Env(), info[i], &value);
  return value;
}

inline bool boolAt(const Napi::CallbackInfo& info, size_t i) {
  bool value = false;
  napi_get_value_bool(info.Env(), info[i], &value);
  return value;
}

inline Napi::Value number(const Napi::CallbackInfo& info, double value) { return Napi::Number::New(info.Env(), value); }

inline int32_t* wordAt(const Napi::CallbackInfo& info, size_t region, size_t index) {
  return reinterpret_cast<int32_t*>(regions(info).at(intAt(info, region), 4.0 * intAt(info, index), 4));
}

// Each file of exports puts its functions on the addon's object.
void exportLog(Napi::Env env, Napi::Object exports);
void exportLinks(Napi::Env env, Napi::Object exports);
void exportFabric(Napi::Env env, Napi::Object exports);

}  // namespace synod
