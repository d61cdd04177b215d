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

// The register after `bytes` zeros: linear, so one table per byte of it is enough.
class Crc32cZeros {
 public:
  explicit Crc32cZeros(size_t bytes) {
    const uint8_t zero = 0;
    for (int bit = 0; bit < 32; bit++) {
      uint32_t moved = 1u << bit;
      for (size_t i = 0; i < bytes; i++) moved = crc32cPortable(moved, &zero, 1);
      for (uint32_t value = 0; value < 256; value++) {
        if (value & (1u << (bit % 8))) entry_[bit / 8][value] ^= moved;
      }
    }
  }

  uint32_t after(uint32_t crc) const {
    return entry_[0][crc & 0xff] ^ entry_[1][(crc >> 8) & 0xff] ^ entry_[2][(crc >> 16) & 0xff] ^ entry_[3][crc >> 24];
  }

 private:
  uint32_t entry_[4][256] = {};
};

#if defined(__x86_64__)
#define SYNOD_CRC_TARGET __attribute__((target("sse4.2")))
SYNOD_CRC_TARGET inline uint32_t crcOfByte(uint32_t crc, uint8_t byte) { return _mm_crc32_u8(crc, byte); }
SYNOD_CRC_TARGET inline uint32_t crcOfWord(uint32_t crc, uint64_t word) { return static_cast<uint32_t>(_mm_crc32_u64(crc, word)); }
inline bool hasHardwareCrc() { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#define SYNOD_CRC_TARGET __attribute__((target("+crc")))
SYNOD_CRC_TARGET inline uint32_t crcOfByte(uint32_t crc, uint8_t byte) { return __crc32cb(crc, byte); }
SYNOD_CRC_TARGET inline uint32_t crcOfWord(uint32_t crc, uint64_t word) { return __crc32cd(crc, word); }
inline bool hasHardwareCrc() { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#else
#define SYNOD_CRC_TARGET
inline uint32_t crcOfByte(uint32_t crc, uint8_t byte) { return crc32cPortable(crc, &byte, 1); }
inline uint32_t crcOfWord(uint32_t crc, uint64_t word) {
  return crc32cPortable(crc, reinterpret_cast<const uint8_t*>(&word), sizeof word);
}
inline bool hasHardwareCrc() { return false; }
#endif

constexpr size_t kCrcLaneLong = 8192;
constexpr size_t kCrcLaneShort = 256;

inline uint64_t wordAtByte(const uint8_t* p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

// The instruction takes three cycles and can start in each of them: three lanes at once, joined by moving each over the zeros
// that the next stands for.
//
//   p ── lane ──┬── lane ──┬── lane ── p + 3 * lane
SYNOD_CRC_TARGET inline uint32_t crc32cLanes(uint32_t crc, const uint8_t* p, size_t lane, const Crc32cZeros& zeros) {
  uint32_t second = 0;
  uint32_t third = 0;
  for (size_t at = 0; at < lane; at += 8) {
    crc = crcOfWord(crc, wordAtByte(p + at));
    second = crcOfWord(second, wordAtByte(p + lane + at));
    third = crcOfWord(third, wordAtByte(p + 2 * lane + at));
  }
  return zeros.after(zeros.after(crc) ^ second) ^ third;
}

SYNOD_CRC_TARGET inline uint32_t crc32cHardware(uint32_t crc, const uint8_t* p, size_t n) {
  static const Crc32cZeros zerosLong(kCrcLaneLong);
  static const Crc32cZeros zerosShort(kCrcLaneShort);
  for (; n >= 3 * kCrcLaneLong; p += 3 * kCrcLaneLong, n -= 3 * kCrcLaneLong) crc = crc32cLanes(crc, p, kCrcLaneLong, zerosLong);
  for (; n >= 3 * kCrcLaneShort; p += 3 * kCrcLaneShort, n -= 3 * kCrcLaneShort) crc = crc32cLanes(crc, p, kCrcLaneShort, zerosShort);
  for (; n >= 8; p += 8, n -= 8) crc = crcOfWord(crc, wordAtByte(p));
  for (; n > 0; p++, n--) crc = crcOfByte(crc, *p);
  return crc;
}

// Continues `seed`, the checksum of what came before (0 at the start).
inline uint32_t crc32c(uint32_t seed, const uint8_t* p, size_t n) {
  static const bool hardware = hasHardwareCrc();
  uint32_t crc = ~seed;
  crc = hardware ? crc32cHardware(crc, p, n) : crc32cPortable(crc, p, n);
  return ~crc;
}

}  // namespace synod
