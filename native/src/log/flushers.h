// The flushers of a log: a thread with an io_uring that keeps many writes in flight, or threads that write one run each.
#pragma once
#include <memory>
#include <string>

#include "log.h"

namespace synod {

// Null where the kernel does not let us, with its errno.
std::unique_ptr<Flusher> makeRingFlusher(Log* log, int* error);
std::unique_ptr<Flusher> makeThreadFlusher(Log* log, int threads);

}  // namespace synod
