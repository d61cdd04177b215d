/**
 * Pure replicas with a network and disks that do what they like, and an oracle that knows from the disks alone what is chosen.
 * A value is its checksum. Nothing happens by itself: the test delivers, loses, repeats, persists, ticks, crashes.
 *
 *   replica ─▶ outbox ─┬─ PERSIST ─▶ records ─▶ durable prefix ─▶ oracle: an accept quorum of durable votes = chosen
 *      ▲               ├─ SEND ────▶ held until its sequence is durable ─▶ network: any order, any number of times
 *      │               └─ COMMIT ──▶ must be what the oracle says
 *      └──── step ◀──────────────────────────────────────────────────────────┘
 */
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { checkAcross, checkBasic, checkDelta, snapshotOf } from '../../src/paxos/invariants.ts';
import * as M from '../../src/paxos/message.ts';
import * as O from '../../src/paxos/outbox.ts';
import type { Quorums } from '../../src/paxos/quorum.ts';
import {
  recoverCommit,
  recoverForgotten,
  recoverPromise,
  recoverSequence,
  recoverValue,
} from '../../src/paxos/recover.ts';
import { Replica } from '../../src/paxos/replica.ts';
import type { Timing } from '../../src/paxos/replica-state.ts';

const TIMING: Timing = {
  heartbeatTicks: 2,
  electionTimeoutTicks: 8,
  electionJitterTicks: 6,
  retryTicks: 3,
  windowSlotsMax: 8,
};
const NETWORK_MESSAGES_MAX = 300;
const VALUE_LENGTH = 8;
/** Stands in a log behind which records are lost. */
const FORGOTTEN = -1;

interface ReadRound {
  serial: number;
  leadership: number;
  index: number;
  /** Everything applied anywhere when the round began lies below it. */
  required: number;
}

interface Member {
  replica: Replica;
  /** Actions of PERSIST_*, in log order. */
  records: Float64Array[];
  durable: number;
  held: Float64Array[];
  /** Value last recorded per slot; 0 = no-op. */
  values: Map<number, number>;
  round: ReadRound | undefined;
  lives: number;
}

/** What is chosen, by the definition of Paxos: durable votes of an accept quorum in one ballot (I10). */
class Oracle {
  readonly chosen = new Map<number, number>();
  readonly #votes = new Map<string, { members: number; value: number }>();
  readonly #quorums: Quorums;

  constructor(quorums: Quorums) {
    this.#quorums = quorums;
  }

  onDurable(member: number, record: Float64Array): void {
    if (record[O.A_OP] !== O.PERSIST_VOTE) return;
    const slot = record[O.A_SLOT] as number;
    const value = record[O.A_VALUE_CRC] as number;
    const key = `${record[O.A_BALLOT]}:${slot}`;
    const vote = this.#votes.get(key) ?? { members: 0, value };
    assert.is(vote.value, value, `I3: slot ${slot} has two values in one ballot`);
    vote.members |= 1 << member;
    this.#votes.set(key, vote);
    if (!this.#quorums.isAcceptQuorum(vote.members)) return;
    assert.is(this.chosen.get(slot) ?? value, value, `I12: slot ${slot} has two chosen values`);
    this.chosen.set(slot, value);
  }
}

export class FaultyCore {
  readonly members: Member[];
  readonly network: Float64Array[] = [];
  readonly oracle: Oracle;
  readonly quorums: Quorums;
  proposed = 0;
  leaderships = 0;
  confirmedReads = 0;
  forgotten = 0;
  readonly #prng = new Prng(1);

  constructor(quorums: Quorums) {
    this.quorums = quorums;
    this.oracle = new Oracle(quorums);
    this.members = Array.from({ length: quorums.memberCount }, (_, index) => ({
      replica: this.#makeReplica(index, 0),
      records: [],
      durable: 0,
      held: [],
      values: new Map<number, number>(),
      round: undefined,
      lives: 1,
    }));
  }

  #makeReplica(index: number, life: number): Replica {
    const ids = Array.from({ length: this.quorums.memberCount }, (_, i) => i + 1);
    return new Replica({
      configuration: new Configuration(1, ids, index, this.quorums),
      timing: TIMING,
      prng: this.#prng.fork(`${index} ${life}`),
      isPreferred: index === 0,
      sameValue: () => true,
    });
  }

  #member(index: number): Member {
    return this.members[index % this.members.length] as Member;
  }

  /** Calls a replica, holds every law against what it did, and executes its outbox. */
  #act(index: number, call: (replica: Replica) => void): void {
    const member = this.#member(index);
    const { state } = member.replica;
    const before = snapshotOf(state);
    call(member.replica);
    checkBasic(state);
    checkDelta(before, snapshotOf(state));
    this.leaderships += state.leadershipSerial - before.leadershipSerial;
    this.#drain(index % this.members.length, member);
    checkAcross(this.members.map(({ replica }) => replica.state));
  }

  #drain(index: number, member: Member): void {
    const { outbox, state } = member.replica;
    for (let i = 0; i < outbox.count; i++) {
      const at = outbox.at(i);
      const action = outbox.words.slice(at, at + O.ACTION_FIELDS);
      const op = action[O.A_OP];
      if (op === O.SEND) member.held.push(action);
      else if (op === O.COMMIT) this.#checkCommit(index, action[O.A_COMMIT] as number);
      else if (op !== O.ROLE) {
        member.records.push(action);
        if (op !== O.PERSIST_PROMISE) {
          member.values.set(action[O.A_SLOT] as number, action[O.A_VALUE_CRC] as number);
        }
      }
    }
    outbox.clear();
    const isReady = (action: Float64Array): boolean => (action[O.A_SEQUENCE] as number) <= state.persistedSequence;
    for (const action of member.held.filter(isReady)) this.#send(index, member, action);
    member.held = member.held.filter((action) => !isReady(action));
    this.#checkRound(member);
  }

  #checkCommit(index: number, commit: number): void {
    const { values } = this.#member(index);
    for (let slot = 0; slot < commit; slot++) {
      assert.ok(this.oracle.chosen.has(slot), `I10: member ${index} commits slot ${slot}, which nobody chose`);
      assert.is(
        values.get(slot),
        this.oracle.chosen.get(slot),
        `I12: member ${index} applies another value in ${slot}`,
      );
    }
  }

  #send(from: number, member: Member, action: Float64Array): void {
    const to = action[O.A_TO] as number;
    for (let index = 0; index < this.members.length; index++) {
      if ((to & (1 << index)) === 0) continue;
      const words = new Float64Array(M.MESSAGE_FIELDS);
      words[M.M_KIND] = action[O.A_KIND] as number;
      words[M.M_FROM] = from;
      words[M.M_TO] = index;
      words[M.M_EPOCH] = 1;
      words[M.M_BALLOT] = action[O.A_BALLOT] as number;
      words[M.M_SLOT] = action[O.A_SLOT] as number;
      words[M.M_COMMIT] = action[O.A_COMMIT] as number;
      words[M.M_AUX] = action[O.A_AUX] as number;
      words[M.M_AUX2] = action[O.A_AUX2] as number;
      words[M.M_VALUE_LENGTH] = action[O.A_VALUE_LENGTH] as number;
      words[M.M_VALUE_CRC] = action[O.A_VALUE_CRC] as number;
      if (words[M.M_VALUE_LENGTH] === -1) fillFromLog(words, member.values);
      this.network.push(words);
    }
    while (this.network.length > NETWORK_MESSAGES_MAX) this.network.shift();
  }

  tick(index: number): void {
    this.#act(index, (replica) => replica.tick());
  }

  /** Delivers any message in flight; `keep` leaves a copy behind. */
  deliver(choice: number, keep = false): void {
    if (this.network.length === 0) return;
    const at = choice % this.network.length;
    const words = this.network[at] as Float64Array;
    if (!keep) this.network.splice(at, 1);
    this.#act(words[M.M_TO] as number, (replica) => replica.step(words));
  }

  lose(choice: number): void {
    if (this.network.length > 0) this.network.splice(choice % this.network.length, 1);
  }

  /** Makes `count` more records durable, in order. */
  persist(index: number, count: number): void {
    const member = this.#member(index);
    const end = Math.min(member.durable + count, member.records.length);
    if (end === member.durable) return;
    this.#harden(index % this.members.length, member, end);
    const sequence = (member.records[end - 1] as Float64Array)[O.A_SEQUENCE] as number;
    this.#act(index, (replica) => replica.persisted(sequence));
  }

  #harden(index: number, member: Member, end: number): void {
    for (let i = member.durable; i < end; i++) this.oracle.onDurable(index, member.records[i] as Float64Array);
    member.durable = end;
  }

  /** Proposes a new value where the member may; says whether it did. */
  propose(index: number): boolean {
    if (!this.#member(index).replica.canPropose) return false;
    this.proposed += 1;
    this.#act(index, (replica) => replica.propose(VALUE_LENGTH, this.proposed));
    return true;
  }

  beginRead(index: number): void {
    const member = this.#member(index);
    if (!member.replica.isLeader || member.round !== undefined) return;
    const required = Math.max(...this.members.map(({ replica }) => replica.commitWatermark));
    const leadership = member.replica.state.leadershipSerial;
    const at = member.replica.readIndex;
    this.#act(index, (replica) => {
      member.round = { serial: replica.beginReadRound(), leadership, index: at, required };
    });
  }

  #checkRound(member: Member): void {
    const { round, replica } = member;
    if (round === undefined) return;
    const isOver = !replica.isLeader || replica.state.leadershipSerial !== round.leadership;
    if (!isOver && replica.confirmedRound < round.serial) return;
    member.round = undefined;
    if (isOver) return;
    assert.ok(round.index >= round.required, 'I19: a confirmed read misses what was acknowledged before it began');
    this.confirmedReads += 1;
  }

  /** The member forgets all but the durable prefix of its log, and `extra` records that reached the disk unannounced. */
  crash(index: number, extra: number): void {
    const member = this.#member(index);
    const self = index % this.members.length;
    member.records.length = Math.min(member.durable + extra, member.records.length);
    this.#harden(self, member, member.records.length);
    this.#restart(self, member);
  }

  /** The member loses records that were durable, and knows it; one at a time, and never without others to ask. */
  forget(index: number, kept: number): void {
    const member = this.#member(index);
    const isAnybodyAway = this.members.some((other) => hasForgotten(other.records.slice(0, other.durable)));
    if (isAnybodyAway || this.members.length < 3) return;
    member.records.length = kept % (member.durable + 1);
    const marker = new Float64Array(O.ACTION_FIELDS);
    marker[O.A_OP] = FORGOTTEN;
    member.records.push(marker);
    member.durable = member.records.length;
    this.forgotten += 1;
    this.#restart(index % this.members.length, member);
  }

  #restart(self: number, member: Member): void {
    member.held = [];
    member.round = undefined;
    member.values.clear();
    const serial = member.replica.state.leadershipSerial;
    member.replica = this.#makeReplica(self, member.lives);
    member.lives += 1;
    const { state } = member.replica;
    state.leadershipSerial = serial;
    for (const record of member.records) this.#recover(member, record);
    checkBasic(state);
    this.#checkCommit(self, state.commitWatermark);
    const known = member.records.findLastIndex((record) => record[O.A_OP] === FORGOTTEN) + 1;
    for (const record of member.records.slice(known)) checkRemembered(member.replica, record);
  }

  #recover({ replica, values }: Member, record: Float64Array): void {
    const { state } = replica;
    if (record[O.A_OP] === FORGOTTEN) {
      recoverForgotten(state);
      return;
    }
    const [ballot, sequence] = [record[O.A_BALLOT] as number, record[O.A_SEQUENCE] as number];
    recoverCommit(state, record[O.A_COMMIT] as number);
    recoverSequence(state, sequence);
    if (record[O.A_OP] === O.PERSIST_PROMISE) {
      recoverPromise(state, ballot, sequence);
      return;
    }
    const [slot, crc] = [record[O.A_SLOT] as number, record[O.A_VALUE_CRC] as number];
    values.set(slot, crc);
    recoverValue(state, slot, ballot, sequence, record[O.A_VALUE_LENGTH] as number, crc);
  }

  /** A round without faults: everybody ticks, everything is durable and delivered until nothing moves. */
  settle(): void {
    for (let index = 0; index < this.members.length; index++) this.tick(index);
    for (let left = 10_000; left > 0; left--) {
      this.members.forEach((_, index) => void this.persist(index, Number.MAX_SAFE_INTEGER));
      if (this.network.length === 0) return;
      this.deliver(0);
    }
    assert.unreachable('a round ends');
  }
}

/** Nothing durable stands behind the last loss yet that shows the way back to be done. */
function hasForgotten(durable: readonly Float64Array[]): boolean {
  const last = durable.findLast((record) => record[O.A_OP] !== O.PERSIST_LEARNED);
  return last?.[O.A_OP] === FORGOTTEN;
}

function fillFromLog(words: Float64Array, values: ReadonlyMap<number, number>): void {
  const value = values.get(words[M.M_SLOT] as number);
  assert.ok(value !== undefined, 'I14: what is served was recorded');
  words[M.M_VALUE_LENGTH] = value === 0 ? 0 : VALUE_LENGTH;
  words[M.M_VALUE_CRC] = value;
}

/** I20: nothing durable is forgotten. */
function checkRemembered({ state }: Replica, record: Float64Array): void {
  const ballot = record[O.A_BALLOT] as number;
  const slot = record[O.A_SLOT] as number;
  assert.ok(state.promisedBallot >= ballot, 'I20: a durable promise, or that of a durable vote, is known again');
  assert.ok(state.persistedSequence >= (record[O.A_SEQUENCE] as number), 'I20: sequences go on behind the last one');
  if (record[O.A_OP] === O.PERSIST_PROMISE || slot < state.commitWatermark) return;
  const i = state.window.index(slot);
  assert.ok((state.window.voteBallot[i] as number) >= ballot, 'I20: a durable vote is known again');
  if (ballot === 0) assert.is(state.window.learned[i], 1, 'I20: a durable chosen value is known again');
}
