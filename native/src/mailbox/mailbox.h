// One direction of a link: a ring of bursts in the receiver's memory that one sender fills from outside, another process through
// a shared mapping or another machine through its network card. Same layout and same receiver for both.
//
//   0    MAGIC, CAPACITY, NONCE   owner, at creation
//   128  RELEASED                 receiver: everything before this stream position may be overwritten (mapping)
//   256  SLEEPING, RINGS, WAITING, WANT_ROOM, CLOSED    doorbell of the mapping, see shm/shm_link.h
//   384  CREDIT                   peer: what it has released of the opposite direction (fabric: written from outside)
//   512  DATA                     capacity bytes
//
// A burst is a header and its payload, both at multiples of 64, so that payloads stay congruent with rings and logs:
//
//   0   POSITION   stream position of the burst: bytes since the link's start; never the same twice
//   8   LENGTH     payload bytes
//   12  TAG        the caller's; TAG_PADDING closes the end of the ring
//   16  PAYLOAD_CRC
//   20  HEADER_CRC of bytes 0 to 19, seeded with the link's nonce: bytes of an older lap or link do not pass
//
// Nothing is inferred from the order in which bytes arrive. A burst stands when its header is whole and its payload's checksum
// fits, taken over the receiver's own copy (S24): the sender can go on writing where the receiver reads.
#pragma once
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "../crc32c.h"

namespace synod {

constexpr size_t kMailboxReleased = 128;
constexpr size_t kMailboxDoorbell = 256;
constexpr size_t kMailboxCredit = 384;
constexpr size_t kMailboxData = 512;
constexpr size_t kBurstHeader = 64;
constexpr uint32_t kTagPadding = 0xffffffffu;
constexpr uint64_t kFirstPosition = 1;  // in headers: fresh memory is no burst
constexpr uint64_t kMailboxMagic = 0x786f626c69616d53ull;
constexpr uint64_t kMailboxCapacityMin = 4096;
constexpr uint64_t kMailboxCapacityMax = 1ull << 30;

struct Nonce {
  uint8_t bytes[16];
  uint32_t seed() const { return crc32c(0, bytes, sizeof bytes); }
};

struct MailboxHead {
  uint64_t magic;
  uint64_t capacity;
  Nonce nonce;
};

inline uint64_t burstBytes(uint64_t length) { return kBurstHeader + ((length + 63) & ~63ull); }

inline uint64_t burstBytesMax(uint64_t capacity) { return (capacity / 8 * 3) & ~63ull; }

inline bool isMailboxCapacity(double capacity) {
  if (!(capacity >= kMailboxCapacityMin && capacity <= kMailboxCapacityMax)) return false;
  const uint64_t whole = static_cast<uint64_t>(capacity);
  return (whole & (whole - 1)) == 0;
}

inline std::atomic<uint64_t>* atomicAt(uint8_t* bytes) { return reinterpret_cast<std::atomic<uint64_t>*>(bytes); }

inline void fillBurstHeader(uint8_t* header, uint64_t position, uint32_t length, uint32_t tag, uint32_t payloadCrc, uint32_t seed) {
  uint8_t bytes[24];
  const uint64_t mark = position + kFirstPosition;
  memcpy(bytes, &mark, 8);
  memcpy(bytes + 8, &length, 4);
  memcpy(bytes + 12, &tag, 4);
  memcpy(bytes + 16, &payloadCrc, 4);
  const uint32_t headerCrc = crc32c(seed, bytes, 20);
  memcpy(header + 8, bytes + 8, 12);
  memcpy(header + 20, &headerCrc, 4);
  // Last, for a receiver that looks at the same memory; over a fabric the order means nothing.
  atomicAt(header)->store(mark, std::memory_order_release);
}

// Where the sender stands. Padding and the largest burst find room together, even while an eighth of the ring is not yet credited.
class MailboxWriter {
 public:
  MailboxWriter() = default;
  MailboxWriter(uint64_t capacity, uint32_t seed) : capacity_(capacity), seed_(seed) {}

  uint64_t capacity() const { return capacity_; }
  uint64_t lengthMax() const { return burstBytesMax(capacity_) - kBurstHeader; }
  uint32_t seed() const { return seed_; }
  // Stream position of the next burst, and its place in DATA.
  uint64_t written() const { return written_; }
  uint64_t place() const { return written_ & (capacity_ - 1); }

  // Bytes of the padding burst that has to come first; 0 = none.
  uint64_t paddingFor(uint64_t length) const {
    const uint64_t rest = capacity_ - place();
    return rest < burstBytes(length) ? rest : 0;
  }
  bool hasRoom(uint64_t length) const { return written_ - released_ + paddingFor(length) + burstBytes(length) <= capacity_; }

  // The burst at `place`, header and padding included, is on its way.
  void advance(uint64_t bytes) { written_ += bytes; }

  // The receiver's word; false where it claims what it cannot have released.
  bool setReleased(uint64_t released) {
    if (released - released_ > written_ - released_) return false;
    released_ = released;
    return true;
  }

 private:
  uint64_t capacity_ = 0;
  uint64_t written_ = 0;
  uint64_t released_ = 0;
  uint32_t seed_ = 0;
};

// Writes a burst into a mailbox that this process has mapped; there is room.
inline void writeBurst(MailboxWriter& writer, uint8_t* data, const uint8_t* source, uint32_t length, uint32_t tag) {
  const uint64_t padding = writer.paddingFor(length);
  if (padding > 0) {
    const uint32_t rest = static_cast<uint32_t>(padding - kBurstHeader);
    fillBurstHeader(data + writer.place(), writer.written(), rest, kTagPadding, 0, writer.seed());
    writer.advance(padding);
  }
  uint8_t* header = data + writer.place();
  memcpy(header + kBurstHeader, source, length);
  fillBurstHeader(header, writer.written(), length, tag, crc32c(0, source, length), writer.seed());
  writer.advance(burstBytes(length));
}

// Where the receiver stands. It trusts nothing in the ring but checksums.
class MailboxReader {
 public:
  MailboxReader() = default;
  MailboxReader(uint8_t* data, uint64_t capacity, uint32_t seed) : data_(data), capacity_(capacity), seed_(seed) {}

  uint64_t released() const { return position_; }
  // Bursts taken so far, padding included: what counts of doorbells are compared with.
  uint64_t bursts() const { return bursts_; }
  // A burst stood there and was not whole.
  bool isUnfinished() const { return isUnfinished_; }

  // The next header bears its position: a cheap look, not a proof.
  bool isReady() const {
    return atomicAt(data_ + (position_ & (capacity_ - 1)))->load(std::memory_order_seq_cst) == position_ + kFirstPosition;
  }

  // Copies whole bursts to `target`, each as 64 bytes {LENGTH, TAG} and its payload at multiples of 64. Returns the bytes written, or
  // -EBADMSG for garbage: one of the `arrived` bursts that are known to have landed is not whole, or, where headers are
  // written last (`strict`), one with its header in place.
  int64_t poll(uint8_t* target, uint64_t size, uint64_t arrived, bool strict) {
    uint64_t filled = 0;
    isUnfinished_ = false;
    while (true) {
      const int64_t taken = take(target + filled, size - filled);
      if (taken > 0) filled += static_cast<uint64_t>(taken);
      if (taken > 0 || taken == kPaddingTaken) continue;
      const bool isGarbage = (taken == kBroken && strict) || (taken != kNoRoom && bursts_ < arrived);
      return isGarbage && filled == 0 ? -EBADMSG : static_cast<int64_t>(filled);
    }
  }

 private:
  static constexpr int64_t kNothing = 0, kPaddingTaken = -1, kBroken = -2, kNoRoom = -3;

  int64_t take(uint8_t* target, uint64_t room) {
    const uint64_t place = position_ & (capacity_ - 1);
    uint8_t header[kBurstHeader];
    if (!isReady()) return kNothing;
    memcpy(header, data_ + place, sizeof header);
    uint64_t position;
    uint32_t length, tag, payloadCrc, headerCrc;
    memcpy(&position, header, 8);
    memcpy(&length, header + 8, 4);
    memcpy(&tag, header + 12, 4);
    memcpy(&payloadCrc, header + 16, 4);
    memcpy(&headerCrc, header + 20, 4);
    const bool isHeader = position == position_ + kFirstPosition && headerCrc == crc32c(seed_, header, 20);
    if (!isHeader || place + burstBytes(length) > capacity_) return broken();
    if (tag == kTagPadding) {
      if (place + burstBytes(length) != capacity_) return broken();
      advance(length);
      return kPaddingTaken;
    }
    const uint64_t needed = burstBytes(length);
    if (needed > burstBytesMax(capacity_)) return broken();
    if (needed > room) return kNoRoom;
    memcpy(target + kBurstHeader, data_ + place + kBurstHeader, length);
    if (crc32c(0, target + kBurstHeader, length) != payloadCrc) return broken();
    memcpy(target, &length, 4);
    memcpy(target + 4, &tag, 4);
    advance(length);
    return static_cast<int64_t>(needed);
  }

  int64_t broken() {
    isUnfinished_ = true;
    return kBroken;
  }

  void advance(uint64_t length) {
    position_ += burstBytes(length);
    bursts_++;
  }

  uint8_t* data_ = nullptr;
  uint64_t capacity_ = 0;
  uint64_t position_ = 0;
  uint64_t bursts_ = 0;
  uint32_t seed_ = 0;
  bool isUnfinished_ = false;
};

}  // namespace synod
