// The wrapped mappings and stores: which bytes were stored where, and which fence made them durable.
#include "double.h"

#include <cerrno>
#include <sys/mman.h>
#include <sys/types.h>

extern "C" {
void* __real_mmap(void* address, size_t size, int access, int flags, int fd, off_t offset);
int __real_munmap(void* address, size_t size);
// synod::persistCopy(uint8_t*, const uint8_t*, size_t) and synod::persistFence()
void __real__ZN5synod11persistCopyEPhPKhm(uint8_t* target, const uint8_t* source, size_t size);
void __real__ZN5synod12persistFenceEv();
}

using medium::Event;
using medium::Medium;

extern "C" {

void* __wrap_mmap(void* address, size_t size, int access, int flags, int fd, off_t offset) {
  Medium& all = Medium::instance();
  std::string path;
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    const auto found = all.files.find(fd);
    if (found != all.files.end()) path = found->second.path;
    const std::string call = medium::isFakeUring(fd) || path.empty() ? "mmap:ring" : "mmap:" + medium::kindOf(path);
    const int error = all.faultOf(call);
    if (error > 0) {
      errno = error;
      return MAP_FAILED;
    }
  }
  if (medium::isFakeUring(fd)) return medium::mapFakeUring(fd, offset);
  void* map = __real_mmap(address, size, access, flags, fd, offset);
  if (map == MAP_FAILED || path.empty()) return map;
  std::lock_guard<std::mutex> lock(all.mutex);
  all.maps[static_cast<uint8_t*>(map)] = path;
  return map;
}

int __wrap_munmap(void* address, size_t size) {
  Medium& all = Medium::instance();
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    all.maps.erase(static_cast<uint8_t*>(address));
  }
  return __real_munmap(address, size);
}

void __wrap__ZN5synod11persistCopyEPhPKhm(uint8_t* target, const uint8_t* source, size_t size) {
  Medium& all = Medium::instance();
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    auto map = all.maps.upper_bound(target);
    if (map != all.maps.begin()) {
      --map;
      const int64_t offset = target - map->first;
      all.record(Event{"store", all.nextId++, medium::nameOf(map->second), "", offset, false, {source, source + size}});
    }
  }
  __real__ZN5synod11persistCopyEPhPKhm(target, source, size);
}

void __wrap__ZN5synod12persistFenceEv() {
  Medium& all = Medium::instance();
  __real__ZN5synod12persistFenceEv();
  std::lock_guard<std::mutex> lock(all.mutex);
  Event event;
  event.kind = "fence";
  all.record(std::move(event));
}

}  // extern "C"
