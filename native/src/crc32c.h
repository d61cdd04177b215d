// CRC32C (Castagnoli): SSE4.2 or ARMv8 instructions where the CPU has them, a table otherwise.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace synod {

struct Crc32cTable {
  uint32_t entry[256];
  Crc32cTable() {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; bit++) c = (c & 1) ? (c >> 1) ^ 0x82f63b78u : c >> 1;
      entry[i] = c;
    }
  }
};

inline uint32_t crc32cPortable(uint32_t crc, const uint8_t* p, size_t n) {
  static const Crc32cTable table;
  for (size_t i = 0; i < n; i++) crc = table.entry[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) inline uint32_t crc32cHardware(uint32_t crc, const uint8_t* p, size_t n) {
  uint64_t c = crc;
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
    p += 8;
    n -= 8;
  }
  uint32_t tail = static_cast<uint32_t>(c);
  while (n-- > 0) tail = _mm_crc32_u8(tail, *p++);
  return tail;
}
inline bool hasHardwareCrc() { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
__attribute__((target("+crc"))) inline uint32_t crc32cHardware(uint32_t crc, const uint8_t* p, size_t n) {
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __crc32cd(crc, word);
    p += 8;
    n -= 8;
  }
  while (n-- > 0) crc = __crc32cb(crc, *p++);
  return crc;
}
inline bool hasHardwareCrc() { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
inline uint32_t crc32cHardware(uint32_t crc, const uint8_t* p, size_t n) { return crc32cPortable(crc, p, n); }
inline bool hasHardwareCrc() { return false; }
#endif

// Continues `seed`, the checksum of what came before (0 at the start).
inline uint32_t crc32c(uint32_t seed, const uint8_t* p, size_t n) {
  static const bool hardware = hasHardwareCrc();
  uint32_t crc = ~seed;
  crc = hardware ? crc32cHardware(crc, p, n) : crc32cPortable(crc, p, n);
  return ~crc;
}

}  // namespace synod
