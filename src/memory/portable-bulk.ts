/**
 * Bulk operations without the addon: a view per copy (about 100 bytes of garbage), checksums by table. Used where no compiler
 * was at hand; the status says so.
 */
import { type Bulk, equalBytes } from './bulk.ts';

/** Checksum of a byte range, as `wire/crc32c` computes it. */
export type RangeChecksum = (bytes: Uint8Array, offset: number, size: number, seed: number) => number;

export function makePortableBulk(crc32c: RangeChecksum): Bulk {
  return {
    isNative: false,
    copy(source, sourceOffset, target, targetOffset, size) {
      target.set(source.subarray(sourceOffset, sourceOffset + size), targetOffset);
    },
    crc32c: (bytes, offset, size) => crc32c(bytes, offset, size, 0),
    equal: equalBytes,
  };
}
