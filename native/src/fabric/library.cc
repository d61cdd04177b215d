#include "library.h"

#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

namespace synod {
namespace {

constexpr const char* kNames[] = {"libfabric.so.1", "libfabric.so"};
constexpr const char* kVersion = "FABRIC_1.3";

template <typename Function>
bool resolve(void* library, const char* name, const char* version, Function* function) {
  void* symbol = version != nullptr ? dlvsym(library, name, version) : dlsym(library, name);
  *function = reinterpret_cast<Function>(symbol);
  return symbol != nullptr;
}

// Read by libfabric at its first fi_getinfo. With the registration cache on, the verbs provider keeps a closed registration, key
// included, so that a late write of a fenced peer lands in memory that was registered anew; its monitors also patch memory
// functions of the process. FI_UNIVERSE_SIZE sizes queues that small cards cannot give.
void prepareEnvironment() {
  setenv("FI_MR_CACHE_MONITOR", "disabled", 1);
  setenv("FI_MR_CACHE_MAX_COUNT", "0", 1);
  setenv("FI_UNIVERSE_SIZE", "4", 0);
}

}  // namespace

const FabricLibrary* FabricLibrary::load(std::string* why) {
  static std::mutex mutex;
  static FabricLibrary library{};
  static std::string failure;
  static bool isTried = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!isTried) {
    isTried = true;
    prepareEnvironment();
    void* handle = nullptr;
    for (const char* name : kNames) {
      if (handle == nullptr) handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == nullptr) {
      failure = "libfabric is not installed";
    } else if (!resolve(handle, "fi_getinfo", kVersion, &library.getInfo) || !resolve(handle, "fi_freeinfo", kVersion, &library.freeInfo) ||
               !resolve(handle, "fi_dupinfo", kVersion, &library.duplicateInfo) ||
               !resolve(handle, "fi_fabric", "FABRIC_1.1", &library.openFabric) ||
               !resolve(handle, "fi_version", nullptr, &library.libraryVersion) ||
               !resolve(handle, "fi_strerror", nullptr, &library.errorText)) {
      failure = "libfabric is too old: 1.5 or later is needed";
    }
  }
  if (!failure.empty()) {
    *why = failure;
    return nullptr;
  }
  return &library;
}

}  // namespace synod
