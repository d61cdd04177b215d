// Parking on a shared word. JavaScript's Atomics.notify does not wake these waiters, and wake() does not wake Atomics.wait.
#pragma once
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layout.generated.h"

namespace synod {

enum ParkResult { kWoken = 0, kTimeout = 1, kValueDiffered = 2 };

inline int parkOn(int32_t* word, int32_t expected, int32_t timeoutUs) {
  auto* atom = reinterpret_cast<std::atomic<int32_t>*>(word);
  if (atom->load(std::memory_order_seq_cst) != expected) return kValueDiffered;
  timespec timeout{timeoutUs / 1000000, (timeoutUs % 1000000) * 1000L};
  const long rc = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &timeout, nullptr, 0);
  if (rc == 0 || errno == EINTR) return kWoken;
  return errno == ETIMEDOUT ? kTimeout : kValueDiffered;
}

inline void wakeOn(int32_t* word, int32_t count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0); }

// Rings a doorbell (DOORBELL_* of memory/descriptor): a sleeper is woken, an awake thread costs one load.
inline void ringDoorbell(int32_t* word) {
  auto* atom = reinterpret_cast<std::atomic<int32_t>*>(word);
  int32_t asleep = layout::DOORBELL_ASLEEP;
  if (atom->load(std::memory_order_seq_cst) != asleep) return;
  if (atom->compare_exchange_strong(asleep, layout::DOORBELL_AWAKE, std::memory_order_seq_cst)) wakeOn(word, 1);
}

}  // namespace synod
