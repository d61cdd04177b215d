// What the logs of this process want of their devices, for whoever writes besides them and should give way.
#pragma once
#include <atomic>
#include <cstdint>
#include <ctime>

namespace synod {

class LogTraffic {
 public:
  static LogTraffic& instance() {
    static LogTraffic traffic;
    return traffic;
  }

  void submitted() {
    inFlight_.fetch_add(1, std::memory_order_relaxed);
    lastNs_.store(nowNs(), std::memory_order_relaxed);
  }

  void completed(int count) { inFlight_.fetch_sub(count, std::memory_order_relaxed); }

  bool isInFlight() const { return inFlight_.load(std::memory_order_relaxed) > 0; }

  // Nanoseconds since a log wrote last.
  int64_t quietNs() const { return nowNs() - lastNs_.load(std::memory_order_relaxed); }

  static int64_t nowNs() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
  }

 private:
  std::atomic<int> inFlight_{0};
  std::atomic<int64_t> lastNs_{INT64_MIN / 2};
};

}  // namespace synod
