/** The checksum of snapshot blocks: the addon's where there is one. It is told once of each block memory, of which a thread has few. */

import type { ChecksumBinding } from '../wire/crc32c.ts';
import { crc32c, NativeChecksum } from '../wire/crc32c.ts';
import type { Crc } from './snapshot-format.ts';

export function snapshotChecksum(binding: ChecksumBinding | undefined): Crc {
  if (binding === undefined) return crc32c;
  const native = new NativeChecksum(binding);
  let seen: Uint8Array | undefined;
  return (bytes, offset, length, seed) => {
    if (bytes !== seen && bytes.byteOffset === 0 && bytes.buffer instanceof SharedArrayBuffer) native.attach(bytes);
    seen = bytes;
    return native.crc32c(bytes, offset, length, seed);
  };
}
