/**
 * Copies and checksums of whole values between shared buffers. The native form costs one call (about 50 ns) and no garbage;
 * the portable form makes a view per copy and says so in `isNative`.
 * @hot
 */
export interface Bulk {
  readonly isNative: boolean;
  copy(source: Uint8Array, sourceOffset: number, target: Uint8Array, targetOffset: number, size: number): void;
  /** CRC32C (Castagnoli) of a range, as a signed word. */
  crc32c(bytes: Uint8Array, offset: number, size: number): number;
  /** True where two ranges hold the same bytes. */
  equal(left: Uint8Array, leftOffset: number, right: Uint8Array, rightOffset: number, size: number): boolean;
}

/** Byte comparison; rare (only behind equal length and checksum), so it needs no native form. */
export function equalBytes(
  left: Uint8Array,
  leftOffset: number,
  right: Uint8Array,
  rightOffset: number,
  size: number,
): boolean {
  for (let i = 0; i < size; i++) if (left[leftOffset + i] !== right[rightOffset + i]) return false;
  return true;
}
