/**
 * A PERSIST action of the outbox as the header fields of a log record.
 * @hot
 */
import type { GroupId } from '../base/types.ts';
import {
  HEADER_BALLOT,
  HEADER_COMMIT,
  HEADER_EPOCH,
  HEADER_GROUP,
  HEADER_KIND,
  HEADER_SEQUENCE,
  HEADER_SLOT,
  HEADER_VALUE_CRC,
  HEADER_VALUE_LENGTH,
} from '../log/log.ts';
import { A_BALLOT, A_COMMIT, A_SEQUENCE, A_SLOT, A_VALUE_CRC, A_VALUE_LENGTH } from '../paxos/outbox.ts';

export function writeRecordFields(
  header: Float64Array,
  words: Float64Array,
  at: number,
  kind: number,
  group: GroupId,
  epoch: number,
): void {
  header[HEADER_KIND] = kind;
  header[HEADER_GROUP] = group;
  header[HEADER_EPOCH] = epoch;
  header[HEADER_BALLOT] = words[at + A_BALLOT] as number;
  header[HEADER_SLOT] = words[at + A_SLOT] as number;
  header[HEADER_SEQUENCE] = words[at + A_SEQUENCE] as number;
  header[HEADER_COMMIT] = words[at + A_COMMIT] as number;
  header[HEADER_VALUE_LENGTH] = words[at + A_VALUE_LENGTH] as number;
  header[HEADER_VALUE_CRC] = words[at + A_VALUE_CRC] as number;
}
