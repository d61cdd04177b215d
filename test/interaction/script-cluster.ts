/**
 * Replicas of one group for scripts: nothing happens by itself, values are texts (so that two may share a checksum), and every
 * step is told in words. Executes an outbox as the driver does.
 *
 *   command ─▶ replica ─▶ outbox ─┬▶ append ─▶ persist ─▶ durable prefix ─▶ ChosenOracle: who may say "chosen"
 *                                 ├▶ hold ───▶ send ────▶ network: deliver, drop, duplicate by name
 *                                 └▶ commit: must be what the oracle says
 */
import { Prng } from '../../src/base/prng.ts';
import type { Ballot, MemberIndex, Slot } from '../../src/base/types.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { checkBasic, checkDelta, snapshotOf } from '../../src/paxos/invariants.ts';
import type { LeaseTerms } from '../../src/paxos/lease.ts';
import * as M from '../../src/paxos/message.ts';
import * as O from '../../src/paxos/outbox.ts';
import type { Quorums } from '../../src/paxos/quorum.ts';
import { recoverCommit, recoverPromise, recoverSequence, recoverValue } from '../../src/paxos/recover.ts';
import { Replica } from '../../src/paxos/replica.ts';
import { CANDIDATE, LEADER } from '../../src/paxos/replica-state.ts';
import { TIMING } from '../support/core.ts';
import { ChosenOracle } from './chosen-oracle.ts';
import { describeBallot, describeMessage } from './describe.ts';

/** A message under way; its value, if the kind has one, travels beside the words. */
export interface Envelope {
  words: Float64Array;
  value: string;
}

interface Entry {
  op: number;
  ballot: Ballot;
  slot: Slot;
  commit: Slot;
  sequence: number;
  value: string;
}

export interface Member {
  replica: Replica;
  isUp: boolean;
  /** The value recorded last per slot. */
  values: Map<Slot, string>;
  log: Entry[];
  durable: number;
  held: Float64Array[];
  commit: Slot;
  lives: number;
}

const NAMES: Readonly<Record<number, string>> = {
  [O.PERSIST_VOTE]: 'vote',
  [O.PERSIST_PROMISE]: 'promise',
  [O.PERSIST_LEARNED]: 'learned',
};

export class ScriptCluster {
  readonly members: Member[];
  readonly oracle: ChosenOracle;
  network: Envelope[] = [];
  /** Links that lose everything, as `from>to`. */
  readonly cuts = new Set<string>();
  readonly #quorums: Quorums;
  readonly #lease: LeaseTerms;
  /** What each member's clock says, ms. */
  readonly #clocks: number[];
  readonly #checksum: (value: string) => number;
  readonly #say: (line: string) => void;
  readonly #prng = new Prng(1);
  #staged = '';

  constructor(quorums: Quorums, lease: LeaseTerms, checksum: (value: string) => number, say: (line: string) => void) {
    this.#quorums = quorums;
    this.#lease = lease;
    this.#clocks = new Array<number>(quorums.memberCount).fill(0);
    this.#checksum = checksum;
    this.#say = say;
    this.oracle = new ChosenOracle(quorums);
    this.members = Array.from({ length: quorums.memberCount }, (_, index) => ({
      replica: this.#makeReplica(index, 0),
      isUp: true,
      values: new Map<Slot, string>(),
      log: [],
      durable: 0,
      held: [],
      commit: 0,
      lives: 1,
    }));
  }

  #makeReplica(index: MemberIndex, life: number): Replica {
    const nodeIds = Array.from({ length: this.#quorums.memberCount }, (_, m) => m + 1);
    const replica = new Replica({
      configuration: new Configuration(1, nodeIds, index, this.#quorums),
      timing: TIMING,
      prng: this.#prng.fork(`${index} ${life}`),
      isPreferred: false,
      lease: this.#lease,
      sameValue: (slot) => this.member(index).values.get(slot) === this.#staged,
    });
    replica.state.clock[0] = this.#clocks[index] as number;
    return replica;
  }

  member(index: MemberIndex): Member {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no member ${index}`);
    return member;
  }

  // --- events -------------------------------------------------------------------------------------------------------

  tick(index: MemberIndex): void {
    this.#input(index, (replica) => replica.tick());
  }

  /** The member's clock goes on by so many milliseconds. */
  passTime(index: MemberIndex, ms: number): void {
    this.#clocks[index] = (this.#clocks[index] as number) + ms;
    this.member(index).replica.state.clock[0] = this.#clocks[index] as number;
  }

  /** As if the leader had handed over: the shortest way to a campaign. */
  campaign(index: MemberIndex): void {
    const words = new Float64Array(M.MESSAGE_FIELDS);
    words[M.M_KIND] = M.TRANSFER;
    words[M.M_FROM] = (index + 1) % this.members.length;
    words[M.M_EPOCH] = 1;
    words[M.M_BALLOT] = this.member(index).replica.state.promisedBallot;
    this.#input(index, (replica) => replica.step(words));
  }

  transfer(index: MemberIndex, other: MemberIndex): void {
    this.#input(index, (replica) => replica.transfer(other));
  }

  propose(index: MemberIndex, value: string): void {
    if (!this.member(index).replica.canPropose) {
      this.#say(`${index} may not propose`);
      return;
    }
    this.#staged = value;
    this.#input(index, (replica) => replica.propose(value.length, this.#checksum(value)));
  }

  beginRead(index: MemberIndex): void {
    this.#input(index, (replica) => {
      const { readIndex } = replica;
      this.#say(`${index} begins round ${replica.beginReadRound()}, read index ${readIndex}`);
    });
  }

  suspect(index: MemberIndex, other: MemberIndex): void {
    this.#input(index, (replica) => replica.suspect(other));
  }

  /** The next `count` appended records become durable, and what waited for them leaves. */
  persist(index: MemberIndex, count = Number.MAX_SAFE_INTEGER): void {
    const member = this.member(index);
    if (!member.isUp || member.durable === member.log.length) return;
    this.#makeDurable(index, count);
    const sequence = durableSequence(member);
    this.#say(`${index} durable ${sequence}`);
    this.#input(index, (replica) => replica.persisted(sequence));
    this.#releaseHeld(index);
  }

  deliver(envelope: Envelope): void {
    this.#say(`recv ${describeMessage(envelope.words)}`);
    this.#staged = envelope.value;
    this.#input(envelope.words[M.M_TO] as number, (replica) => replica.step(envelope.words));
  }

  crash(index: MemberIndex): void {
    const member = this.member(index);
    member.isUp = false;
    this.#say(`${index} lost ${member.log.length - member.durable} records that were not durable`);
    member.log.length = member.durable;
    member.held = [];
  }

  restart(index: MemberIndex): void {
    const member = this.member(index);
    member.isUp = true;
    member.values = new Map();
    member.replica = this.#makeReplica(index, member.lives);
    member.lives += 1;
    const state = member.replica.state;
    for (const { op, ballot, slot, commit, sequence, value } of member.log) {
      recoverCommit(state, commit);
      if (op === O.PERSIST_PROMISE) {
        recoverPromise(state, ballot, sequence);
      } else {
        recoverValue(state, slot, ballot, sequence, value.length, this.#checksum(value));
        member.values.set(slot, value);
      }
      recoverSequence(state, sequence);
    }
    member.replica.recovered();
    checkBasic(state);
    member.commit = 0;
    this.#onCommit(index, state.commitWatermark);
    this.#say(`${index} ${this.describeMember(index)}`);
  }

  // --- execution ----------------------------------------------------------------------------------------------------

  #input(index: MemberIndex, call: (replica: Replica) => void): void {
    const { isUp, replica } = this.member(index);
    if (!isUp) {
      this.#say(`  ${index} is down`);
      return;
    }
    const before = snapshotOf(replica.state);
    call(replica);
    checkBasic(replica.state);
    checkDelta(before, snapshotOf(replica.state));
    const { outbox } = replica;
    for (let action = 0; action < outbox.count; action++) {
      const at = outbox.at(action);
      this.#execute(index, outbox.words.slice(at, at + O.ACTION_FIELDS));
    }
    outbox.clear();
  }

  #execute(index: MemberIndex, action: Float64Array): void {
    const op = action[O.A_OP];
    if (op === O.SEND) {
      this.#send(index, action);
    } else if (op === O.COMMIT) {
      this.#say(`  ${index} commit ${action[O.A_COMMIT]}`);
      this.#onCommit(index, action[O.A_COMMIT] as Slot);
    } else if (op === O.ROLE) {
      const role = action[O.A_AUX] === LEADER ? 'leads' : action[O.A_AUX] === CANDIDATE ? 'campaigns' : 'follows';
      this.#say(`  ${index} ${role} ${describeBallot(action[O.A_BALLOT] as Ballot)}`);
    } else {
      this.#append(index, action);
    }
  }

  #append(index: MemberIndex, action: Float64Array): void {
    const member = this.member(index);
    const op = action[O.A_OP] as number;
    const slot = action[O.A_SLOT] as Slot;
    const length = action[O.A_VALUE_LENGTH] as number;
    const isStaged = op === O.PERSIST_LEARNED || action[O.A_FLAGS] === O.VALUE_STAGED;
    const value = length === 0 ? '' : isStaged ? this.#staged : (member.values.get(slot) as string);
    const ballot = action[O.A_BALLOT] as Ballot;
    const sequence = action[O.A_SEQUENCE] as number;
    const parts = [op === O.PERSIST_LEARNED ? '' : ` ${describeBallot(ballot)}`];
    if (op !== O.PERSIST_PROMISE) {
      if (value.length !== length) throw new Error('the value of a record has the length that the core names');
      member.values.set(slot, value);
      parts.push(` slot ${slot} ${value === '' ? 'no-op' : value}${isStaged || value === '' ? '' : ' (header only)'}`);
    }
    this.#say(`  ${index} append ${sequence}: ${NAMES[op]}${parts.join('')}`);
    member.log.push({ op, ballot, slot, commit: action[O.A_COMMIT] as Slot, sequence, value });
  }

  #makeDurable(index: MemberIndex, count: number): void {
    const member = this.member(index);
    const end = Math.min(member.log.length, member.durable + count);
    for (const { op, ballot, slot, value } of member.log.slice(member.durable, end)) {
      if (op === O.PERSIST_VOTE) this.oracle.onDurableVote(index, ballot, slot, value);
    }
    member.durable = end;
  }

  #onCommit(index: MemberIndex, commit: Slot): void {
    const member = this.member(index);
    for (let slot = member.commit; slot < commit; slot++) this.oracle.onLearned(index, slot, member.values.get(slot));
    member.commit = commit;
  }

  #send(index: MemberIndex, action: Float64Array): void {
    const member = this.member(index);
    const sequence = action[O.A_SEQUENCE] as number;
    if (sequence <= durableSequence(member)) {
      this.#transmit(index, action);
      return;
    }
    this.#say(`  ${index} hold until ${sequence}: ${M.kindName(action[O.A_KIND] as number)}`);
    member.held.push(action);
  }

  #releaseHeld(index: MemberIndex): void {
    const member = this.member(index);
    const durable = durableSequence(member);
    const isReady = (action: Float64Array): boolean => (action[O.A_SEQUENCE] as number) <= durable;
    const ready = member.held.filter(isReady);
    member.held = member.held.filter((action) => !isReady(action));
    for (const action of ready) this.#transmit(index, action);
  }

  #transmit(index: MemberIndex, action: Float64Array): void {
    const words = new Float64Array(M.MESSAGE_FIELDS);
    words.set([action[O.A_KIND] as number, index, 0, 1]);
    words[M.M_BALLOT] = action[O.A_BALLOT] as number;
    words[M.M_SLOT] = action[O.A_SLOT] as number;
    words[M.M_COMMIT] = action[O.A_COMMIT] as number;
    words[M.M_AUX] = action[O.A_AUX] as number;
    words[M.M_AUX2] = action[O.A_AUX2] as number;
    words[M.M_VALUE_LENGTH] = action[O.A_VALUE_LENGTH] as number;
    words[M.M_VALUE_CRC] = action[O.A_VALUE_CRC] as number;
    const value = M.hasValue(words[M.M_KIND] as number) ? this.#valueOf(index, words) : '';
    if (value === undefined) return;
    for (let to = 0; to < this.members.length; to++) {
      if ((((action[O.A_TO] as number) >>> to) & 1) === 0) continue;
      const copy = words.slice();
      copy[M.M_TO] = to;
      const isCut = this.cuts.has(`${index}>${to}`);
      this.#say(`  ${isCut ? 'lost' : 'send'} ${describeMessage(copy)}`);
      if (!isCut) this.network.push({ words: copy, value });
    }
  }

  /** The bytes that go with a message; undefined where the slot holds another value by now. */
  #valueOf(index: MemberIndex, words: Float64Array): string | undefined {
    const value = this.member(index).values.get(words[M.M_SLOT] as Slot) ?? '';
    if (words[M.M_VALUE_LENGTH] === -1) {
      words[M.M_VALUE_LENGTH] = value.length;
      words[M.M_VALUE_CRC] = this.#checksum(value);
    }
    const isNamed = words[M.M_VALUE_LENGTH] === value.length && words[M.M_VALUE_CRC] === this.#checksum(value);
    return isNamed ? value : undefined;
  }

  // --- telling ------------------------------------------------------------------------------------------------------

  describeMember(index: MemberIndex): string {
    const { isUp, replica, values, commit } = this.member(index);
    if (!isUp) return 'is down';
    const { role, promisedBallot, commitWatermark, window } = replica.state;
    const open: string[] = [];
    for (let slot = window.base; slot < window.nextSlot; slot++) {
      const i = window.index(slot);
      if (window.recorded[i] === 0) continue;
      const state = window.learned[i] === 1 ? 'learned' : describeBallot(window.voteBallot[i] as Ballot);
      open.push(`${slot}:${values.get(slot) || 'no-op'}@${state}`);
    }
    const applied = Array.from({ length: commit }, (_, slot) => values.get(slot) || 'no-op');
    const name = role === LEADER ? 'leader' : role === CANDIDATE ? 'candidate' : 'follower';
    return `${name}, promised ${describeBallot(promisedBallot)}, applied [${applied}] of ${commitWatermark}, open [${open}]`;
  }
}

function durableSequence({ log, durable }: Member): number {
  return durable === 0 ? 0 : (log[durable - 1] as Entry).sequence;
}

/** FNV-1a as a signed word, like the real checksum; 0 for a no-op. */
export function hash(value: string): number {
  if (value === '') return 0;
  let word = 0x811c9dc5;
  for (let i = 0; i < value.length; i++) word = Math.imul(word ^ value.charCodeAt(i), 0x01000193);
  return word | 0;
}
