/**
 * One member as a machine with finitely many states. A state is all that the member remembers, its log, what it holds back
 * and all that it ever sent; a transition is run once on the real core, checked, and remembered.
 *
 *   state ── event ──▶ load the cells into the one replica ─▶ call ─▶ laws ─▶ execute the outbox ─▶ next state
 *
 * The network is the union of what all members ever sent: a message may be delivered at any time, any number of times, or never.
 */
import type { Prng } from '../../src/base/prng.ts';
import { ACCEPTOR_WINDOW_SLOTS, MEMBERS_MAX } from '../../src/limits.ts';
import { Configuration } from '../../src/paxos/configuration.ts';
import { checkBasic, checkDelta, snapshotOf } from '../../src/paxos/invariants.ts';
import * as M from '../../src/paxos/message.ts';
import * as O from '../../src/paxos/outbox.ts';
import { recoverCommit, recoverPromise, recoverSequence, recoverValue } from '../../src/paxos/recover.ts';
import type { Replica } from '../../src/paxos/replica.ts';
import { CANDIDATE, FOLLOWER, LEADER, type Timing } from '../../src/paxos/replica-state.ts';
import { asSet, fillFromLog, forgetUnread, lastValue, toMessage, VALUE_LENGTH } from './effects.ts';
import { Interner } from './interner.ts';
import { Cells, type ReplicaClass } from './open-core.ts';
import type { Scope } from './scopes.ts';

/** Events; a number from 0 on is the delivery of that message. */
export const CAMPAIGN = -1;
export const PROPOSE = -2;
export const PERSIST = -3;
export const CRASH = -4;
export const JUMP = -5;
export const OWN_EVENTS: readonly number[] = [CAMPAIGN, PROPOSE, PERSIST, CRASH, JUMP];

const TIMING: Timing = {
  heartbeatTicks: 1,
  electionTimeoutTicks: 1000,
  electionJitterTicks: 0,
  retryTicks: 1,
  windowSlotsMax: 2,
};
const PROFILES_MAX = 2 ** 16;
/** Longer than every wait but the election timeout. */
const JUMP_TICKS = 6;
/** Without jumps nothing asks what time it is, who is how far, who leads, or who follows. */
const UNREAD_WITHOUT_TIME = ['CatchUp', 'LeaderContact', 'Election', 'Rejoin', 'leaderHint', 'sentTick'];
/** What a follower's proposer remembers is begun anew by the next candidacy, but for the number of the last attempt. */
const UNREAD_BY_FOLLOWER = [
  ...['ballot', 'promisedMembers', 'recoveryEnd', 'awaitedValues', '_ownVoteCursor', '_prepareTick', '_candidateSince'],
  ...['PromiseLedger', 'proposal', 'acceptedMembers', 'sentTick', 'reportedBallot', 'reportedLength', 'reportedCrc'],
  ...['reportedHolders', 'reportedMembers'],
];
/** Read by the next candidacy only. */
const UNREAD_WITHOUT_CAMPAIGN = ['seenBallot', '_attempt'];
const UNREAD_BY_LEADER = ['PromiseLedger', 'promisedMembers', 'reportedMembers'];
const steady = { range: (min: number) => min, fork: () => steady } as unknown as Prng;

export interface Message {
  words: Float64Array;
  to: number;
}

export interface MemberState {
  cells: Float64Array;
  records: readonly Float64Array[];
  durable: number;
  held: readonly Float64Array[];
  /** Ids of all messages that this member ever sent. */
  sent: readonly number[];
  campaigns: number;
  proposals: number;
  crashes: number;
  jumps: number;
  isLeader: boolean;
  canPropose: boolean;
  nextSlot: number;
  commit: number;
  /** Number of the facts that the oracle judges: durable votes and applied values. */
  facts: number;
  /** Next state by event; -1 where the event is impossible. */
  next: Map<number, number>;
  profile: number;
  /** The same state without the messages that can matter no more, by the profiles of all members. */
  without: Map<number, number>;
}

/** What decides whether a message from or to a member can still matter. */
export interface Profile {
  role: number;
  promised: number;
  mayCampaign: boolean;
}

export interface Facts {
  /** Durable votes: ballot, slot, value. */
  votes: readonly (readonly [ballot: number, slot: number, value: number])[];
  /** Value per slot below the commit watermark. */
  applied: readonly number[];
}

/** What all machines of a group share. */
export interface Tables {
  messages: Interner<Message>;
  facts: Interner<Facts>;
  profiles: Interner<Profile>;
}

type Draft = Omit<
  MemberState,
  'isLeader' | 'canPropose' | 'nextSlot' | 'commit' | 'facts' | 'profile' | 'next' | 'without'
>;

export class MemberMachine {
  readonly states = new Interner<MemberState>();
  readonly #index: number;
  readonly #scope: Scope;
  readonly #tables: Tables;
  readonly #replica: Replica;
  readonly #cells: Cells;
  readonly #newborn: Float64Array;
  /** By role, and whether the member may campaign again: the cells that are read from here on. */
  readonly #readCells: Int32Array[] = [];
  transitions = 0;

  constructor(replicaClass: ReplicaClass, scope: Scope, index: number, tables: Tables) {
    this.#index = index;
    this.#scope = scope;
    this.#tables = tables;
    const ids = Array.from({ length: scope.members }, (_, i) => i + 1);
    this.#replica = new replicaClass({
      configuration: new Configuration(1, ids, index, scope.quorums),
      timing: TIMING,
      prng: steady,
      isPreferred: false,
      sameValue: () => true,
    });
    const limits = new Map([
      [ACCEPTOR_WINDOW_SLOTS, scope.slots],
      [MEMBERS_MAX, scope.members],
    ]);
    this.#cells = new Cells(this.#replica, limits);
    this.#newborn = this.#cells.save();
    const always = scope.jumpsMax === 0 ? UNREAD_WITHOUT_TIME : [];
    for (const role of [FOLLOWER, CANDIDATE, LEADER]) {
      const byRole = role === FOLLOWER ? UNREAD_BY_FOLLOWER : role === LEADER ? UNREAD_BY_LEADER : [];
      this.#readCells[2 * role] = this.#cells.readCells(new Set([...always, ...byRole]));
      // A leader or candidate that steps down reads the attempt no more either.
      this.#readCells[2 * role + 1] = this.#cells.readCells(
        new Set([...always, ...byRole, ...(role === FOLLOWER ? UNREAD_WITHOUT_CAMPAIGN : ['seenBallot'])]),
      );
    }
  }

  /** The first state: just born, nothing logged. */
  begin(): number {
    const used = { campaigns: 0, proposals: 0, crashes: 0, jumps: 0 };
    this.#cells.load(this.#newborn);
    return this.#intern({ cells: this.#newborn, records: [], durable: 0, held: [], sent: [], ...used });
  }

  /** Number of the state after `event`, or -1 where it cannot happen. */
  after(id: number, event: number): number {
    const state = this.states.get(id);
    const known = state.next.get(event);
    if (known !== undefined) return known;
    const next = this.#isPossible(state, event) ? this.#run(state, event) : -1;
    state.next.set(event, next);
    return next;
  }

  #isPossible(state: MemberState, event: number): boolean {
    const { slots, campaigns, proposals, crashes, jumps } = this.#scope;
    const self = this.#index;
    if (event === CAMPAIGN) return state.campaigns < (campaigns[self] as number) && !state.isLeader;
    if (event === PERSIST) return state.durable < state.records.length;
    if (event === CRASH) return state.crashes < (crashes[self] as number);
    if (event === JUMP) return state.jumps < (jumps[self] as number);
    if (event !== PROPOSE) return true;
    return state.canPropose && state.nextSlot < slots && state.proposals < (proposals[self] as number);
  }

  #run(state: MemberState, event: number): number {
    this.transitions += 1;
    this.#cells.load(state.cells);
    if (event === CRASH) return this.#crash(state);
    const replica = this.#replica;
    const draft = { ...state };
    const before = snapshotOf(replica.state);
    if (event === PERSIST) this.#persist(draft);
    else if (event === PROPOSE) this.#propose(draft);
    else if (event === CAMPAIGN) this.#campaign(draft);
    else if (event === JUMP) this.#jump(draft);
    else replica.step(this.#tables.messages.get(event).words);
    checkBasic(replica.state);
    checkDelta(before, snapshotOf(replica.state));
    this.#drain(draft);
    draft.cells = this.#cells.save();
    return this.#intern(draft);
  }

  #persist(draft: Draft): void {
    const record = draft.records[draft.durable] as Float64Array;
    draft.durable += 1;
    this.#replica.persisted(record[O.A_SEQUENCE] as number);
  }

  /** A value is named by who proposed it, and as which of its proposals. */
  #propose(draft: Draft): void {
    draft.proposals += 1;
    this.#replica.propose(VALUE_LENGTH, 10 * (this.#index + 1) + draft.proposals);
  }

  /** Another member asks this one to lead, which any timeout could have done as well. */
  #campaign(draft: Draft): void {
    draft.campaigns += 1;
    const words = new Float64Array(M.MESSAGE_FIELDS);
    words[M.M_KIND] = M.TRANSFER;
    words[M.M_FROM] = (this.#index + 1) % this.#scope.members;
    words[M.M_EPOCH] = 1;
    words[M.M_BALLOT] = this.#replica.state.promisedBallot;
    this.#replica.step(words);
  }

  #jump(draft: Draft): void {
    draft.jumps += 1;
    this.#replica.state.tick += JUMP_TICKS;
    this.#replica.tick();
  }

  /** All but the durable records is lost. A record that became durable unannounced is one whose messages were lost. */
  #crash(state: MemberState): number {
    const records = state.records.slice(0, state.durable);
    this.#cells.load(this.#newborn);
    const replicaState = this.#replica.state;
    for (const record of records) {
      const [ballot, sequence] = [record[O.A_BALLOT] as number, record[O.A_SEQUENCE] as number];
      recoverCommit(replicaState, record[O.A_COMMIT] as number);
      recoverSequence(replicaState, sequence);
      if (record[O.A_OP] === O.PERSIST_PROMISE) recoverPromise(replicaState, ballot, sequence);
      else {
        const [slot, length, crc] = [record[O.A_SLOT], record[O.A_VALUE_LENGTH], record[O.A_VALUE_CRC]];
        recoverValue(replicaState, slot as number, ballot, sequence, length as number, crc as number);
      }
    }
    checkBasic(replicaState);
    const cells = this.#cells.save();
    return this.#intern({ ...state, cells, records, held: [], crashes: state.crashes + 1 });
  }

  #drain(draft: Draft): void {
    const { outbox, state } = this.#replica;
    const records = [...draft.records];
    const held = [...draft.held];
    for (let i = 0; i < outbox.count; i++) {
      const at = outbox.at(i);
      const action = outbox.words.slice(at, at + O.ACTION_FIELDS);
      const op = action[O.A_OP] as number;
      if (op === O.SEND) held.push(action);
      else if (op !== O.COMMIT && op !== O.ROLE) records.push(action);
    }
    outbox.clear();
    draft.records = records;
    const isReady = (action: Float64Array): boolean => (action[O.A_SEQUENCE] as number) <= state.persistedSequence;
    const sent = new Set(draft.sent);
    for (const action of held) if (isReady(action) && this.#isHeeded(action)) this.#send(action, records, sent);
    draft.held = asSet(held.filter((action) => !isReady(action)));
    draft.sent = [...sent].sort((a, b) => a - b);
  }

  /** Without time and reads nobody heeds an answer to a heartbeat. */
  #isHeeded(action: Float64Array): boolean {
    return this.#scope.jumpsMax > 0 || action[O.A_KIND] !== M.HEARTBEAT_REPLY;
  }

  #send(action: Float64Array, records: readonly Float64Array[], sent: Set<number>): void {
    for (let to = 0; to < this.#scope.members; to++) {
      if (((action[O.A_TO] as number) & (1 << to)) === 0) continue;
      const words = toMessage(action, this.#index, to);
      if (words[M.M_VALUE_LENGTH] === -1) fillFromLog(words, records);
      if (this.#scope.jumpsMax === 0) forgetUnread(words);
      sent.add(this.#tables.messages.idOf(words.join(), () => ({ words, to })));
    }
  }

  #intern(draft: Draft): number {
    const { cells, records, durable, held, sent, campaigns, proposals, crashes, jumps } = draft;
    const used = `${durable} ${campaigns} ${proposals} ${crashes} ${jumps}`;
    const key = `${this.#fingerprint(cells, campaigns)}|${records.join(';')}|${held.join(';')}|${sent.join()}|${used}`;
    return this.states.idOf(key, () => {
      const { state } = this.#replica;
      return {
        ...{ cells, records, durable, held, sent, campaigns, proposals, crashes, jumps },
        isLeader: state.role === LEADER,
        canPropose: this.#replica.canPropose,
        nextSlot: state.window.nextSlot,
        commit: state.commitWatermark,
        facts: this.#factsOf(records, durable, state.commitWatermark),
        profile: this.#profileOf(state.role, campaigns),
        next: new Map(),
        without: new Map(),
      };
    });
  }

  #fingerprint(cells: Float64Array, campaigns: number): string {
    const isDone = campaigns >= (this.#scope.campaigns[this.#index] as number);
    const read = this.#readCells[2 * this.#replica.state.role + (isDone ? 1 : 0)] as Int32Array;
    let text = '';
    for (let i = 0; i < read.length; i++) text += `${cells[read[i] as number]} `;
    return text;
  }

  #profileOf(role: number, campaigns: number): number {
    const promised = this.#replica.state.promisedBallot;
    const mayCampaign = campaigns < (this.#scope.campaigns[this.#index] as number);
    const key = `${role} ${promised} ${mayCampaign}`;
    return this.#tables.profiles.idOf(key, () => ({ role, promised, mayCampaign }));
  }

  /** The state without those of its messages that would change nothing, now or ever. */
  withoutDead(id: number, profiles: readonly number[]): number {
    const state = this.states.get(id);
    let all = 0;
    for (const profile of profiles) all = all * PROFILES_MAX + profile;
    const known = state.without.get(all);
    if (known !== undefined) return known;
    const mine = this.#tables.profiles.get(state.profile);
    const isAlive = (message: number): boolean => {
      const { words, to } = this.#tables.messages.get(message);
      return !isDead(words, mine, this.#tables.profiles.get(profiles[to] as number));
    };
    const sent = state.sent.filter(isAlive);
    let next = id;
    if (sent.length < state.sent.length) {
      this.#cells.load(state.cells);
      next = this.#intern({ ...state, sent });
    }
    state.without.set(all, next);
    return next;
  }

  #factsOf(records: readonly Float64Array[], durable: number, commit: number): number {
    const votes = records
      .slice(0, durable)
      .filter((record) => record[O.A_OP] === O.PERSIST_VOTE)
      .map((record) => [record[O.A_BALLOT], record[O.A_SLOT], record[O.A_VALUE_CRC]] as [number, number, number]);
    const applied = Array.from({ length: commit }, (_, slot) => lastValue(records, slot));
    return this.#tables.facts.idOf(`${this.#index}|${votes.join(';')}|${applied.join()}`, () => ({ votes, applied }));
  }
}

/**
 * Answers to a member that will follow for ever; requests of such a member to one that promised more and would only refuse them.
 * That a lower ballot is refused (A5, A9) is taken for granted here, as far as its leader is gone.
 */
function isDead(words: Float64Array, sender: Profile, receiver: Profile): boolean {
  switch (words[M.M_KIND]) {
    case M.PROMISE_VOTE:
    case M.PROMISE:
    case M.ACCEPTED:
    case M.VOTE_VALUE:
    case M.REJECT:
      return followsForEver(receiver);
    case M.PREPARE:
    case M.ACCEPT:
    case M.HEARTBEAT:
      return receiver.promised > (words[M.M_BALLOT] as number) && followsForEver(sender);
    default:
      return false;
  }
}

const followsForEver = ({ role, mayCampaign }: Profile): boolean => role === FOLLOWER && !mayCampaign;
