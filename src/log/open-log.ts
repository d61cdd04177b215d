/**
 * Opens a durable log: recovers what stands on the medium, then begins a new incarnation in a segment of its own.
 *
 *   SegmentReader ──recoverLog──▶ visitor, report ──cut, incarnation + 1──▶ LogWriter.open (durable before any vote, S11)
 */
import { SynodError } from '../base/errors.ts';
import type { Checksum } from '../wire/crc32c.ts';
import { EntryStore } from './entry-store.ts';
import type { LogDevice } from './log.ts';
import { LogWriter } from './log-writer.ts';
import type { LogIdentity } from './record-header.ts';
import { type LogDamage, type RecoveryReport, recoverLog } from './recovery.ts';
import type { SegmentReader } from './segment.ts';
import type { RecordVisitor } from './segment-scan.ts';

export interface OpenLogOptions {
  device: LogDevice;
  reader: SegmentReader;
  /** In-memory tail: LOG_SEGMENT_BYTES each, the memory that the device writes from. */
  chunks: readonly SharedArrayBuffer[];
  checksum: Checksum;
  identity: LogIdentity;
  visitor: RecordVisitor;
}

export interface OpenedLog {
  log: LogWriter;
  recovery: RecoveryReport;
}

/** An empty medium is a first start. Throws ERR_SYNOD_LOG_DAMAGED rather than forget what was durable. */
export function openLog({ device, reader, chunks, checksum, identity, visitor }: OpenLogOptions): OpenedLog {
  const recovery = recoverLog(reader, identity, checksum, visitor);
  if (recovery.damage !== undefined) throw damageError(recovery.damage);
  const store = new EntryStore(chunks, true);
  for (const bytes of store.bytes) checksum.attach(bytes);
  const log = new LogWriter(device, store, checksum, {
    identity,
    incarnation: recovery.lastIncarnation + 1,
    generation: recovery.lastGeneration,
    base: recovery.nextBase,
    cut: recovery.endPosition,
  });
  log.open();
  return { log, recovery };
}

export function damageError(damage: LogDamage): SynodError {
  return new SynodError(
    'ERR_SYNOD_LOG_DAMAGED',
    `${damage.segment} is damaged at offset ${damage.offset} (position ${damage.position}): ${damage.reason}. Nothing was cut. ` +
      'Restore the file if only the medium failed to read it; otherwise replace this replica by a new one.',
  );
}
