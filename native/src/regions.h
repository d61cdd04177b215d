// Shared memory that one environment has attached: id → address. Memory under a SharedArrayBuffer never moves; the reference keeps it.
#pragma once
#include <cstdint>
#include <napi.h>
#include <vector>

namespace synod {

struct Region {
  uint8_t* bytes = nullptr;
  size_t size = 0;
  Napi::Reference<Napi::TypedArray> keep;
};

struct Regions {
  std::vector<Region> all;

  // Address of [offset, offset + size) of a region, or null where it does not lie inside; NaN lies nowhere.
  uint8_t* at(uint32_t id, double offset, double size) {
    if (id >= all.size()) return nullptr;
    const bool isInside = offset >= 0 && size >= 0 && offset + size <= static_cast<double>(all[id].size);
    if (!isInside) return nullptr;
    return all[id].bytes + static_cast<size_t>(offset);
  }
};

}  // namespace synod
