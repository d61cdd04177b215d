/** Puts a published snapshot in the place of a group's state, step by step. */
import type { Slot } from '../base/types.ts';
import { type Crc, readSnapshot } from '../log/snapshot-format.ts';
import type { SnapshotMedium } from '../log/snapshot-medium.ts';
import type { GroupDriver } from './group-driver.ts';

/**
 * A chunk of the image per step, which is some 256 KiB, or half a millisecond. Throws ERR_SYNOD_SNAPSHOT_DAMAGED where the file is not what was
 * published: nothing but another restore makes a state out of what is there then. `onBytes` hears of each chunk.
 */
export function* restoreSnapshot(
  medium: SnapshotMedium,
  clusterId: number,
  watermark: Slot,
  driver: GroupDriver,
  crc: Crc,
  onBytes: (bytes: number, size: number) => void = () => {},
): Generator<void> {
  const source = medium.open(watermark);
  try {
    const chunks = readSnapshot(source, { clusterId, group: driver.groupId, watermark }, crc);
    yield* driver.applier.restore(counted(chunks, source.size, onBytes));
  } finally {
    source.close();
  }
}

function* counted(
  chunks: Iterable<Uint8Array>,
  size: number,
  onBytes: (bytes: number, size: number) => void,
): Generator<Uint8Array> {
  let bytes = 0;
  for (const chunk of chunks) {
    bytes += chunk.length;
    onBytes(Math.min(bytes, size), size);
    yield chunk;
  }
}
