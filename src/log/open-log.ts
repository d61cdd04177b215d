/**
 * Opens a durable log: recovers what stands on the medium, then begins a new incarnation in a segment of its own.
 *
 *   SegmentReader ──recoverLog──▶ visitor, report ──cut, incarnation + 1──▶ LogWriter.open (durable before any vote, S11)
 */
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import { LOG_SEGMENT_BYTES } from '../limits.ts';
import type { Checksum } from '../wire/crc32c.ts';
import { damageText } from './damage-text.ts';
import { EntryStore } from './entry-store.ts';
import type { LogDevice } from './log.ts';
import { LogWriter } from './log-writer.ts';
import type { LogIdentity } from './record-header.ts';
import { type LogDamage, type RecoveryReport, recoverLog, type ScanProgress } from './recovery.ts';
import type { SegmentReader } from './segment.ts';
import type { RecordVisitor } from './segment-scan.ts';

export interface OpenLogOptions {
  device: LogDevice;
  reader: SegmentReader;
  /** In-memory tail: LOG_SEGMENT_BYTES each, the memory that the device writes from. Before that, recovery reads into the first. */
  chunks: readonly SharedArrayBuffer[];
  checksum: Checksum;
  identity: LogIdentity;
  visitor: RecordVisitor;
  /** Records that were durable are missing here: all groups rejoin (S12). Called in log order, before any record behind the loss. */
  onForgotten(): void;
  onProgress?: ScanProgress;
  /** Others can give back what is damaged here. Without them damage is refused. */
  mayRejoin: boolean;
  /** The medium is known to have been lost or rolled back, whatever stands on it. */
  isForgotten?: boolean;
  /** Fill of a segment at which the next one is asked for. */
  aheadOffset?: number;
}

export interface OpenedLog {
  log: LogWriter;
  recovery: RecoveryReport;
}

/**
 * An empty medium is a first start. Damage is never cut silently: what lies before it is kept as knowledge, the next incarnation says that the
 * rest is forgotten, and the segments stay where they are. Throws ERR_SYNOD_LOG_DAMAGED where nobody else could give it back.
 */
export function openLog(options: OpenLogOptions): OpenedLog {
  const { device, reader, chunks, checksum, identity, visitor, onForgotten } = options;
  const recovery = recoverLog(reader, identity, checksum, visitor, onForgotten, options.onProgress, chunks[0]);
  const isForgotten = recovery.damage !== undefined || options.isForgotten === true;
  if (recovery.damage !== undefined && !options.mayRejoin) throw damageError(recovery.damage);
  if (isForgotten) onForgotten();
  assert(recovery.endPosition <= recovery.nextBase, 'a new incarnation begins behind the cut');
  const store = new EntryStore(chunks, true);
  for (const bytes of store.bytes) checksum.attach(bytes);
  const log = new LogWriter(device, store, checksum, {
    identity,
    incarnation: recovery.lastIncarnation + 1,
    generation: recovery.lastGeneration,
    base: recovery.nextBase,
    firstBase: recovery.firstBase,
    aheadOffset: options.aheadOffset ?? LOG_SEGMENT_BYTES / 2,
    cut: recovery.endPosition,
    isForgotten,
  });
  log.open();
  return { log, recovery };
}

export function damageError(damage: LogDamage): SynodError {
  return new SynodError(
    'ERR_SYNOD_LOG_DAMAGED',
    `${damageText(damage)}. Nothing was cut. ` +
      'Restore the file if only the medium failed to read it; otherwise replace this replica by a new one.',
  );
}
