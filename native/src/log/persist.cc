#include "persist.h"

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace synod {
namespace {

#if defined(__x86_64__)

// Leaf 7, EBX. clwb leaves the line in the cache, clflushopt evicts it, clflush is ordered and slow; one of them is always there.
constexpr unsigned kAvx2 = 1u << 5;
constexpr unsigned kClflushopt = 1u << 23;
constexpr unsigned kClwb = 1u << 24;

unsigned features() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  __get_cpuid_count(7, 0, &a, &b, &c, &d);
  const bool hasAvx = __builtin_cpu_supports("avx2");  // asks the system, too: it must save the registers
  return hasAvx ? b : b & ~kAvx2;
}

const unsigned kFeatures = features();

__attribute__((target("clwb"))) void writeBackClwb(uint8_t* line) { _mm_clwb(line); }
__attribute__((target("clflushopt"))) void writeBackClflushopt(uint8_t* line) { _mm_clflushopt(line); }

void writeBack(uint8_t* line) {
  if (kFeatures & kClwb) {
    writeBackClwb(line);
  } else if (kFeatures & kClflushopt) {
    writeBackClflushopt(line);
  } else {
    _mm_clflush(line);
  }
}

__attribute__((target("avx2"))) void streamLinesAvx2(uint8_t* target, const uint8_t* source, size_t lines) {
  auto* to = reinterpret_cast<__m256i*>(target);
  auto* from = reinterpret_cast<const __m256i*>(source);
  for (; lines > 0; lines--, to += 2, from += 2) {
    const __m256i low = _mm256_loadu_si256(from);
    const __m256i high = _mm256_loadu_si256(from + 1);
    _mm256_stream_si256(to, low);
    _mm256_stream_si256(to + 1, high);
  }
}

void streamLinesSse2(uint8_t* target, const uint8_t* source, size_t lines) {
  auto* to = reinterpret_cast<__m128i*>(target);
  auto* from = reinterpret_cast<const __m128i*>(source);
  for (size_t quarter = lines * 4; quarter > 0; quarter--) _mm_stream_si128(to++, _mm_loadu_si128(from++));
}

void copyLines(uint8_t* target, const uint8_t* source, size_t lines) {
  if (kFeatures & kAvx2) {
    streamLinesAvx2(target, source, lines);
  } else {
    streamLinesSse2(target, source, lines);
  }
}

const char* means() {
  if (kFeatures & kAvx2) return "AVX2 non-temporal stores";
  return "SSE2 non-temporal stores";
}

void fence() { _mm_sfence(); }

#elif defined(__aarch64__)

constexpr unsigned long kCleanToPersistence = 1ul << 16;  // HWCAP_DCPOP

// dc cvap, by its system-instruction name: assemblers below armv8.2 do not know the other one.
void writeBack(uint8_t* line) { asm volatile("sys #3, c7, c12, #1, %0" ::"r"(line) : "memory"); }

void copyLines(uint8_t* target, const uint8_t* source, size_t lines) {
  memcpy(target, source, lines * kLineBytes);
  for (size_t line = 0; line < lines; line++) writeBack(target + line * kLineBytes);
}

const char* means() { return (getauxval(AT_HWCAP) & kCleanToPersistence) != 0 ? "dc cvap" : nullptr; }

void fence() { asm volatile("dsb sy" ::: "memory"); }

#else

void writeBack(uint8_t*) {}

void copyLines(uint8_t* target, const uint8_t* source, size_t lines) { memcpy(target, source, lines * kLineBytes); }

const char* means() { return nullptr; }

void fence() { __sync_synchronize(); }

#endif

}  // namespace

const char* persistMeans() { return means(); }

void persistCopy(uint8_t* target, const uint8_t* source, size_t size) {
  const size_t into = reinterpret_cast<uintptr_t>(target) % kLineBytes;
  size_t head = into == 0 ? 0 : kLineBytes - into;
  if (head > size) head = size;
  const size_t lines = (size - head) / kLineBytes;
  const size_t tail = size - head - lines * kLineBytes;
  if (head > 0) {
    memcpy(target, source, head);
    writeBack(target - into);
  }
  copyLines(target + head, source + head, lines);
  if (tail > 0) {
    memcpy(target + size - tail, source + size - tail, tail);
    writeBack(target + size - tail);
  }
}

void persistFence() { fence(); }

}  // namespace synod
