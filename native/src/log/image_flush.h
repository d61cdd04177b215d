// Brings bytes of a growing file to its device, behind whatever the logs write.
#pragma once
#include <cstdint>

namespace synod {

// Begins to write [from, end) where no log is busy; what is not begun is written by `flushImage`. 0 or errno.
int beginImage(const char* path, int64_t from, int64_t end);

// Returns once [from, end) is written: fast where no log is busy, else piece by piece with pauses, unless it is urgent. 0 or errno.
// The device may still hold it in a cache, and the file system its extents: a flush of the whole file comes last.
int flushImage(const char* path, int64_t from, int64_t end, bool isUrgent);

}  // namespace synod
