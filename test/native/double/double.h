// A medium under the addon that tells what it was asked, fails on demand, and holds writes back.
//
//   addon ── open, pwrite, fdatasync, rename, mmap, io_uring … ──▶ __wrap_* ──▶ trace, faults, gates ──▶ the real calls
//
// The addon's own sources are linked with --wrap: nothing in them knows. Files are told apart by their names: a call's name is that of
// the system call and the kind of file, as "pwrite:seg"; the first block of a segment is its header, "pwrite:header".
#pragma once
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace medium {

// Writes say what was asked; "written" and "synced" that the call `id` came back; a store is durable at the next fence.
struct Event {
  std::string kind;
  int id = 0;
  std::string file;
  std::string other;
  int64_t offset = 0;
  bool isSync = false;
  std::vector<uint8_t> bytes;
};

struct Fault {
  int nth = 0;
  int error = 0;
};

struct OpenFile {
  std::string path;
  bool isSync = false;
};

class Medium {
 public:
  static Medium& instance();

  std::mutex mutex;
  std::condition_variable released;

  // Descriptors and mappings of the files that the log opened.
  std::map<int, OpenFile> files;
  std::map<uint8_t*, std::string> maps;

  bool isRecording = false;
  std::vector<Event> trace;
  int nextId = 1;

  std::map<std::string, Fault> faults;
  std::map<std::string, int> calls;

  // Completed writes that were not let go: all from now on, or the nth.
  bool holdsAll = false;
  int holdIn = 0;
  std::vector<int> held;

  // 'real', 'refused' or 'fake'.
  std::string uringMode = "real";

  // The following are called with the mutex.
  // Counts the call; its errno, -1 for half a write, or 0.
  int faultOf(const std::string& call);
  void record(Event event);
  bool mustHold();
  bool isHeld(int id) const;

  void letGo(int id);
};

// "seg", "header", "spare", "fill", "dir" or "other".
std::string kindOf(const std::string& path, int64_t offset = -1);
std::string nameOf(const std::string& path);

// The emulated io_uring: true where the descriptor is one.
bool isFakeUring(int fd);
void* mapFakeUring(int fd, int64_t offset);
void forgetFakeUring(int fd);
// Somebody let writes go: the emulated rings look again.
void wakeFakeUrings();

}  // namespace medium
