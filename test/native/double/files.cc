// The wrapped calls on files, and the medium's state.
#include "double.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <fcntl.h>
#include <sys/types.h>

extern "C" {
int __real_open(const char* path, int flags, ...);
int __real_close(int fd);
ssize_t __real_pwrite(int fd, const void* bytes, size_t size, off_t offset);
ssize_t __real_pread(int fd, void* bytes, size_t size, off_t offset);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_fallocate(int fd, int mode, off_t offset, off_t size);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);
}

namespace medium {
namespace {

bool endsWith(const std::string& text, const char* end) {
  const size_t size = strlen(end);
  return text.size() >= size && text.compare(text.size() - size, size, end) == 0;
}

}  // namespace

Medium& Medium::instance() {
  static Medium* medium = new Medium();  // threads of the addon may outlive static destructors
  return *medium;
}

std::string nameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string kindOf(const std::string& path, int64_t offset) {
  const std::string name = nameOf(path);
  if (endsWith(name, ".seg")) return offset == 0 ? "header" : "seg";
  if (endsWith(name, "fill.tmp")) return "fill";
  if (name.rfind("spare-", 0) == 0) return "spare";
  if (endsWith(name, ".tmp")) return "other";
  return "dir";
}

int Medium::faultOf(const std::string& call) {
  calls[call] += 1;
  const auto found = faults.find(call);
  if (found == faults.end() || --found->second.nth != 0) return 0;
  const int error = found->second.error;
  faults.erase(found);
  return error;
}

void Medium::record(Event event) {
  if (isRecording) trace.push_back(std::move(event));
}

bool Medium::mustHold() { return holdsAll || (holdIn > 0 && --holdIn == 0); }

bool Medium::isHeld(int id) const { return std::find(held.begin(), held.end(), id) != held.end(); }

void Medium::letGo(int id) {
  held.erase(std::remove_if(held.begin(), held.end(), [id](int each) { return id == 0 || each == id; }), held.end());
  released.notify_all();
}

}  // namespace medium

using medium::Event;
using medium::Medium;

namespace {

// A call that fails says so and does nothing.
bool fails(const std::string& call) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  const int error = all.faultOf(call);
  if (error > 0) errno = error;
  return error > 0;
}

medium::OpenFile fileOf(int fd) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  const auto found = all.files.find(fd);
  return found == all.files.end() ? medium::OpenFile{} : found->second;
}

int recordCall(const char* kind, const std::string& file, const std::string& other = "") {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Event event;
  event.kind = kind;
  event.id = all.nextId++;
  event.file = medium::nameOf(file);
  event.other = other.empty() ? "" : medium::nameOf(other);
  const int id = event.id;
  all.record(std::move(event));
  return id;
}

void recordEnd(const char* kind, int id) {
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  Event event;
  event.kind = kind;
  event.id = id;
  all.record(std::move(event));
}

int syncCall(const char* call, int fd, int (*real)(int)) {
  const std::string path = fileOf(fd).path;
  if (fails(std::string(call) + ":" + medium::kindOf(path))) return -1;
  const int id = recordCall("sync", path);
  const int result = real(fd);
  if (result == 0) recordEnd("synced", id);
  return result;
}

}  // namespace

extern "C" {

int __wrap_open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(more, int)) : 0;
  va_end(more);
  if (fails("open:" + medium::kindOf(path))) return -1;
  const int fd = __real_open(path, flags, mode);
  if (fd < 0) return fd;
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.files[fd] = medium::OpenFile{path, (flags & O_DSYNC) != 0};
  return fd;
}

int __wrap_close(int fd) {
  medium::forgetFakeUring(fd);
  Medium& all = Medium::instance();
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    all.files.erase(fd);
  }
  return __real_close(fd);
}

ssize_t __wrap_pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  Medium& all = Medium::instance();
  const medium::OpenFile file = fileOf(fd);
  const std::string kind = medium::kindOf(file.path, offset);
  int id = 0;
  int fault = 0;
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    fault = all.faultOf("pwrite:" + kind);
    id = all.nextId++;
    if (fault > 0) {
      errno = fault;
      return -1;
    }
    if (fault < 0) size = size / 2 / 512 * 512;
    if (kind == "seg" || kind == "header") {
      const auto* first = static_cast<const uint8_t*>(bytes);
      all.record(Event{"write", id, medium::nameOf(file.path), "", offset, file.isSync, {first, first + size}});
    }
  }
  const ssize_t done = size == 0 ? 0 : __real_pwrite(fd, bytes, size, offset);
  const int error = errno;
  if (kind == "seg") {
    std::unique_lock<std::mutex> lock(all.mutex);
    if (all.mustHold()) {
      all.held.push_back(id);
      all.released.wait(lock, [&] { return !all.isHeld(id); });
    }
  }
  if (done > 0 && (kind == "seg" || kind == "header")) recordEnd("written", id);
  errno = error;
  return done;
}

ssize_t __wrap_pread(int fd, void* bytes, size_t size, off_t offset) {
  if (fails("pread:" + medium::kindOf(fileOf(fd).path))) return -1;
  return __real_pread(fd, bytes, size, offset);
}

int __wrap_fdatasync(int fd) { return syncCall("fdatasync", fd, __real_fdatasync); }

int __wrap_fsync(int fd) { return syncCall("fsync", fd, __real_fsync); }

int __wrap_fallocate(int fd, int mode, off_t offset, off_t size) {
  if (fails("fallocate:" + medium::kindOf(fileOf(fd).path))) return -1;
  return __real_fallocate(fd, mode, offset, size);
}

int __wrap_rename(const char* from, const char* to) {
  if (fails("rename:" + medium::kindOf(to))) return -1;
  recordCall("rename", from, to);
  const int result = __real_rename(from, to);
  if (result != 0) return result;
  // Descriptors follow their file.
  Medium& all = Medium::instance();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (auto& file : all.files) {
    if (file.second.path == from) file.second.path = to;
  }
  for (auto& map : all.maps) {
    if (map.second == from) map.second = to;
  }
  return 0;
}

int __wrap_unlink(const char* path) {
  if (fails("unlink:" + medium::kindOf(path))) return -1;
  recordCall("unlink", path);
  return __real_unlink(path);
}

}  // extern "C"
