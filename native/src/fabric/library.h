// libfabric, found at run time: nothing is linked, so the addon loads where there is none.
#pragma once
#include <string>

#include "fabric_abi.h"

namespace synod {

struct FabricLibrary {
  int (*getInfo)(uint32_t version, const char* node, const char* service, uint64_t flags, const ofi::Info* hints, ofi::Info** info);
  void (*freeInfo)(ofi::Info*);
  ofi::Info* (*duplicateInfo)(const ofi::Info*);
  int (*openFabric)(ofi::FabricAttr*, ofi::Fabric**, void* context);
  uint32_t (*libraryVersion)();
  const char* (*errorText)(int);

  // The library, or null with the reason in `why`. Loaded once per process, after its environment was set.
  static const FabricLibrary* load(std::string* why);
};

}  // namespace synod
