#include "ring_race.h"

#include <chrono>
#include <cstdlib>
#include <pthread.h>
#include <sched.h>
#include <thread>
#include <vector>

#include "mailbox.h"

namespace synod {
namespace {

constexpr uint64_t kCapacity = 1 << 20;

// Both ends of one direction, in plain memory.
struct Way {
  uint8_t* bytes = static_cast<uint8_t*>(aligned_alloc(4096, kMailboxData + kCapacity));
  MailboxWriter writer{kCapacity, 1};
  MailboxReader reader{bytes + kMailboxData, kCapacity, 1};
  std::vector<uint8_t> target = std::vector<uint8_t>(kCapacity);

  Way() { memset(bytes, 0, kMailboxData + kCapacity); }
  ~Way() { free(bytes); }

  void send(const uint8_t* source, uint32_t length) {
    while (!writer.hasRoom(length)) writer.setReleased(atomicAt(bytes + kMailboxReleased)->load(std::memory_order_acquire));
    writeBurst(writer, bytes + kMailboxData, source, length, 0);
  }

  // Bursts received, all of `length`.
  uint64_t receive(uint32_t length) {
    if (!reader.isReady()) return 0;
    const uint64_t filled = static_cast<uint64_t>(reader.poll(target.data(), target.size(), 0, true));
    atomicAt(bytes + kMailboxReleased)->store(reader.released(), std::memory_order_release);
    return filled / burstBytes(length);
  }
};

void pinTo(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core % std::thread::hardware_concurrency(), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Runs both on threads of their own and returns the nanoseconds until both are done.
template <typename First, typename Second>
double race(First first, Second second) {
  double ns = 0;
  std::thread other([&] {
    pinTo(1);
    second();
  });
  std::thread timed([&] {
    pinTo(0);
    const auto start = std::chrono::steady_clock::now();
    first();
    ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  });
  timed.join();
  other.join();
  return ns;
}

}  // namespace

double ringRoundTripNs(int length, int rounds) {
  Way there, back;
  const std::vector<uint8_t> payload(length, 7);
  const auto ping = [&] {
    for (int round = 0; round < rounds; round++) {
      there.send(payload.data(), length);
      while (back.receive(length) == 0) {
      }
    }
  };
  const auto pong = [&] {
    for (int round = 0; round < rounds; round++) {
      while (there.receive(length) == 0) {
      }
      back.send(payload.data(), length);
    }
  };
  return race(ping, pong) / rounds;
}

double ringStreamNs(int length, int bursts) {
  Way way;
  const std::vector<uint8_t> payload(length, 7);
  const auto receive = [&] {
    for (uint64_t count = 0; count < static_cast<uint64_t>(bursts);) count += way.receive(length);
  };
  const auto send = [&] {
    for (int burst = 0; burst < bursts; burst++) way.send(payload.data(), length);
  };
  return race(receive, send) / bursts;
}

}  // namespace synod
