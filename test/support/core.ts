/** Small pieces for tests of the core: a state of three members, messages by field name, the outbox as readable records. */
import { Configuration } from '../../src/paxos/configuration.ts';
import type { LeaseTerms } from '../../src/paxos/lease.ts';
import * as M from '../../src/paxos/message.ts';
import * as O from '../../src/paxos/outbox.ts';
import { ReplicaState, type Timing } from '../../src/paxos/replica-state.ts';

export const TIMING: Timing = {
  heartbeatTicks: 5,
  electionTimeoutTicks: 40,
  electionJitterTicks: 30,
  retryTicks: 10,
  windowSlotsMax: 64,
};

/** Leases of 100 ms on clocks that run true to 1 %. */
export const LEASE: LeaseTerms = { leaseMs: 100, driftPpm: 10_000, countsSuspend: true };

/** `isSame`: what the driver answers about the staged value. */
export function makeState(self = 0, members = 3, isSame = (): boolean => true): ReplicaState {
  const nodeIds = Array.from({ length: members }, (_, i) => i + 1);
  return new ReplicaState(new Configuration(1, nodeIds, self), TIMING, isSame);
}

export interface Fields {
  from?: number;
  ballot?: number;
  slot?: number;
  commit?: number;
  aux?: number;
  aux2?: number;
  length?: number;
  crc?: number;
}

export function message(kind: number, fields: Fields): Float64Array {
  const words = new Float64Array(M.MESSAGE_FIELDS);
  words[M.M_KIND] = kind;
  words[M.M_FROM] = fields.from ?? 1;
  words[M.M_EPOCH] = 1;
  words[M.M_BALLOT] = fields.ballot ?? 0;
  words[M.M_SLOT] = fields.slot ?? 0;
  words[M.M_COMMIT] = fields.commit ?? 0;
  words[M.M_AUX] = fields.aux ?? 0;
  words[M.M_AUX2] = fields.aux2 ?? 0;
  words[M.M_VALUE_LENGTH] = fields.length ?? 0;
  words[M.M_VALUE_CRC] = fields.crc ?? 0;
  return words;
}

export interface Action {
  op: string;
  kind: string;
  to: number;
  ballot: number;
  slot: number;
  commit: number;
  aux: number;
  aux2: number;
  length: number;
  sequence: number;
  flags: number;
}

const OPS = ['', 'PERSIST_VOTE', 'PERSIST_PROMISE', 'PERSIST_LEARNED', 'SEND', 'COMMIT', 'ROLE', 'PERSIST_MARK'];

/** Takes everything out of the outbox. */
export function drain(outbox: O.Outbox): Action[] {
  const actions: Action[] = [];
  const words = outbox.words;
  for (let index = 0; index < outbox.count; index++) {
    const at = outbox.at(index);
    const op = OPS[words[at + O.A_OP] as number] as string;
    actions.push({
      op,
      kind: op === 'SEND' ? M.kindName(words[at + O.A_KIND] as number) : '',
      to: words[at + O.A_TO] as number,
      ballot: words[at + O.A_BALLOT] as number,
      slot: words[at + O.A_SLOT] as number,
      commit: words[at + O.A_COMMIT] as number,
      aux: words[at + O.A_AUX] as number,
      aux2: words[at + O.A_AUX2] as number,
      length: words[at + O.A_VALUE_LENGTH] as number,
      sequence: words[at + O.A_SEQUENCE] as number,
      flags: words[at + O.A_FLAGS] as number,
    });
  }
  outbox.clear();
  return actions;
}

/** The kinds of the messages among the actions. */
export const sent = (actions: Action[]): string[] => actions.filter(({ op }) => op === 'SEND').map(({ kind }) => kind);
