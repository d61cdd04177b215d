/**
 * What a read reflects, and the kind of lane that carries such reads.
 *
 *   linearizable   everything acknowledged to anybody before the call; one quorum round per batch of reads
 *   lease          the same while every clock keeps to `clockDriftPpm`; no round while the leader holds its lease
 *   session        at least what this handle wrote and saw
 *   stale          what is applied where it is asked
 */
import { SynodError } from '../base/errors.ts';
import { LANE_READS, LANE_READS_LEASE, LANE_READS_SESSION, LANE_READS_STALE } from '../memory/descriptor.ts';

export type Consistency = 'linearizable' | 'lease' | 'session' | 'stale';

const KINDS: ReadonlyMap<string, number> = new Map([
  ['linearizable', LANE_READS],
  ['lease', LANE_READS_LEASE],
  ['session', LANE_READS_SESSION],
  ['stale', LANE_READS_STALE],
]);

/** Kind of the lane for such reads; linearizable where nothing is said. Throws ERR_SYNOD_CONFIG for another word. */
export function laneKindOf(consistency: string | undefined): number {
  if (consistency === undefined) return LANE_READS;
  const kind = KINDS.get(consistency);
  if (kind !== undefined) return kind;
  throw new SynodError(
    'ERR_SYNOD_CONFIG',
    `consistency: ${JSON.stringify(consistency)} is not allowed; allowed is ${[...KINDS.keys()].join(', ')}`,
  );
}
