/** The bytes of a whole snapshot of a replica that applied nothing. */
import { SnapshotEncoder, type SnapshotName } from '../../src/log/snapshot-format.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { DriverKit } from './driver-kit.ts';

/** It counts as having applied whatever `name` says. */
export function snapshotImage(name: SnapshotName): Uint8Array {
  const blocks: Uint8Array[] = [];
  const encoder = new SnapshotEncoder(name, crc32c, (block) => blocks.push(block.slice()));
  const chunks = new DriverKit(0, 1).applier.image();
  for (let part = chunks.next(); part.done !== true; part = chunks.next()) encoder.put(part.value, 0);
  encoder.end();
  return new Uint8Array(Buffer.concat(blocks));
}
