/**
 * One protocol message as one line of text, for traces and golden scripts. Never on the hot path: it allocates.
 *
 *   0>2 ACCEPT 3.1 slot 7 commit 5 value 12:9f3c
 *   │ │        │ └ node of the ballot            └ length and checksum
 *   │ └ to     └ round of the ballot
 *   └ from
 */
import type { Ballot } from '../../src/base/types.ts';
import { NODE_ID_BITS } from '../../src/limits.ts';
import { BALLOT_CHOSEN } from '../../src/paxos/ballot.ts';
import {
  ACCEPT,
  ACCEPTED,
  FETCH,
  FETCH_VOTE,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  kindName,
  LEARNED,
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_TO,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  PREPARE,
  PROMISE,
  PROMISE_VOTE,
  REJECT,
  REPLY_STAMP,
  STATUS_QUERY,
  STATUS_REPLY,
  TRANSFER,
  VOTE_VALUE,
} from '../../src/paxos/message.ts';

const HEX = 16;

type Part = (message: Float64Array) => string;

const at = (message: Float64Array, field: number): number => message[field] as number;
const slot: Part = (message) => `slot ${at(message, M_SLOT)}`;
const range: Part = (message) => `slots ${at(message, M_SLOT)}..${at(message, M_AUX)}`;
const commit: Part = (message) => `commit ${at(message, M_COMMIT)}`;
const round: Part = (message) => `round ${at(message, M_AUX)}`;
const asks: Part = (message) => (at(message, M_AUX2) > 0 ? `asks for ${at(message, M_AUX2)} ms` : '');
const grants: Part = (message) => (at(message, M_AUX2) >= REPLY_STAMP ? 'grants' : '');
const vote: Part = (message) => `vote ${describeBallot(at(message, M_AUX))}`;
const promised: Part = (message) => `promised ${describeBallot(at(message, M_AUX))}`;
const answer: Part = (message) => `attempt ${at(message, M_SLOT)} votes ${at(message, M_AUX)}`;
const truncation: Part = (message) => `truncated ${at(message, M_AUX2)}`;
const hears: Part = (message) => (at(message, M_AUX) === 1 ? `hears ${at(message, M_AUX2) - 1}` : 'hears nobody');
const value: Part = (message) => `value ${describeValue(at(message, M_VALUE_LENGTH), at(message, M_VALUE_CRC))}`;

/** What each kind says beyond its ballot; the header of message.ts has the meaning of the fields. */
const PARTS: Readonly<Record<number, readonly Part[]>> = {
  [PREPARE]: [slot, commit],
  [PROMISE_VOTE]: [slot, vote, value],
  [PROMISE]: [answer, commit, truncation],
  [ACCEPT]: [slot, commit, value],
  [ACCEPTED]: [range, commit],
  [REJECT]: [promised, commit],
  [HEARTBEAT]: [round, commit, asks],
  [HEARTBEAT_REPLY]: [round, commit, grants],
  [STATUS_QUERY]: [commit],
  [STATUS_REPLY]: [hears, commit],
  [FETCH]: [range],
  [LEARNED]: [slot, commit, value],
  [FETCH_VOTE]: [slot, vote],
  [VOTE_VALUE]: [slot, vote, value],
  [TRANSFER]: [commit],
};

export function describeMessage(message: Float64Array): string {
  const kind = at(message, M_KIND);
  const head = `${at(message, M_FROM)}>${at(message, M_TO)} ${kindName(kind)} ${describeBallot(at(message, M_BALLOT))}`;
  const parts = (PARTS[kind] ?? []).map((part) => part(message));
  return [head, ...parts].filter((text) => text !== '').join(' ');
}

/** `round.node`; `none` below all ballots, `chosen` above them. */
export function describeBallot(ballot: Ballot): string {
  if (ballot === 0) return 'none';
  if (ballot === BALLOT_CHOSEN) return 'chosen';
  const unit = 2 ** NODE_ID_BITS;
  return `${Math.floor(ballot / unit)}.${ballot % unit}`;
}

/** `length:checksum`, or `no-op` where there are no bytes. */
export function describeValue(length: number, crc: number): string {
  return length === 0 ? 'no-op' : `${length}:${(crc >>> 0).toString(HEX)}`;
}
