/** What a replica's actions become: messages in the network, values in the log. */
import * as assert from 'uvu/assert';
import * as M from '../../src/paxos/message.ts';
import * as O from '../../src/paxos/outbox.ts';

/** Of every value that is no no-op. */
export const VALUE_LENGTH = 8;

/** What is held back leaves together and into a network without order: neither order nor repetition matters. */
export function asSet(actions: readonly Float64Array[]): Float64Array[] {
  const byText = new Map(actions.map((action) => [action.join(), action]));
  return [...byText.keys()].sort().map((text) => byText.get(text) as Float64Array);
}

export function toMessage(action: Float64Array, from: number, to: number): Float64Array {
  const words = new Float64Array(M.MESSAGE_FIELDS);
  words[M.M_KIND] = action[O.A_KIND] as number;
  words[M.M_FROM] = from;
  words[M.M_TO] = to;
  words[M.M_EPOCH] = 1;
  words[M.M_BALLOT] = action[O.A_BALLOT] as number;
  words[M.M_SLOT] = action[O.A_SLOT] as number;
  words[M.M_COMMIT] = action[O.A_COMMIT] as number;
  words[M.M_AUX] = action[O.A_AUX] as number;
  words[M.M_AUX2] = action[O.A_AUX2] as number;
  words[M.M_VALUE_LENGTH] = action[O.A_VALUE_LENGTH] as number;
  words[M.M_VALUE_CRC] = action[O.A_VALUE_CRC] as number;
  return words;
}

/** Without time only these kinds tell a watermark to somebody who heeds it, and rounds are nobody's concern. */
export function forgetUnread(words: Float64Array): void {
  const kind = words[M.M_KIND];
  if (kind === M.PREPARE || kind === M.ACCEPTED || kind === M.REJECT || kind === M.VOTE_VALUE) words[M.M_COMMIT] = 0;
  if (kind === M.FETCH_VOTE) words[M.M_COMMIT] = 0;
  if (kind === M.HEARTBEAT) words[M.M_AUX] = 0;
}

/** Value of the last record of a slot: what the log would give to the state machine. */
export function lastValue(records: readonly Float64Array[], slot: number): number {
  const isOfSlot = (record: Float64Array): boolean =>
    (record[O.A_OP] === O.PERSIST_VOTE || record[O.A_OP] === O.PERSIST_LEARNED) && record[O.A_SLOT] === slot;
  const record = records.findLast(isOfSlot);
  assert.ok(record !== undefined, `I13: slot ${slot} lies below the watermark and was never recorded`);
  return record[O.A_VALUE_CRC] as number;
}

export function fillFromLog(words: Float64Array, records: readonly Float64Array[]): void {
  const value = lastValue(records, words[M.M_SLOT] as number);
  words[M.M_VALUE_LENGTH] = value === 0 ? 0 : VALUE_LENGTH;
  words[M.M_VALUE_CRC] = value;
}
