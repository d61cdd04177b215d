// Stores that reach persistent memory: past the caches where the processor can, flushed out of them where it cannot.
//
//   persistCopy ── whole lines: non-temporal stores │ the rest: store, write the line back ──▶ persistFence ──▶ durable
//
// Durable only where the mapping says so (MAP_SYNC): on anything else these are fast copies.
#pragma once
#include <cstddef>
#include <cstdint>

namespace synod {

constexpr size_t kLineBytes = 64;

// Which instructions are used, for people; null where the processor cannot write lines back to persistent memory.
const char* persistMeans();
// Copies; what was copied is durable once persistFence has returned. Both addresses are congruent modulo 64 in the log.
void persistCopy(uint8_t* target, const uint8_t* source, size_t size);
void persistFence();

}  // namespace synod
