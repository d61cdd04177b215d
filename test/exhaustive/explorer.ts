/**
 * Walks every reachable state of a group within a scope, breadth first, each state once, and judges it.
 *
 *   visited (arena)   | member states: n ids | parent | event | member |  …      found again through a table of open addresses
 *
 * States are compared exactly, not by hash. No reduction by symmetry: ballots order the proposers, so exchanging two members
 * changes what may happen. What is reduced is only work: a member's transition runs once, however often it is taken.
 */

import { kindName, M_AUX, M_BALLOT, M_FROM, M_KIND, M_SLOT } from '../../src/paxos/message.ts';
import { Quorums } from '../../src/paxos/quorum.ts';
import { Interner } from './interner.ts';
import { CAMPAIGN, CRASH, JUMP, MemberMachine, OWN_EVENTS, PERSIST, PROPOSE, type Tables } from './member-machine.ts';
import type { ReplicaClass } from './open-core.ts';
import { judge, type Verdict } from './oracle.ts';
import type { Scope } from './scopes.ts';

export interface Bounds {
  statesMax: number;
  depthMax: number;
}

export interface Report {
  scope: string;
  states: number;
  /** Steps from the first state to the last one looked at. */
  depth: number;
  /** Every state of the scope was seen. */
  isComplete: boolean;
  memberStates: number;
  /** Calls of the real core. */
  transitions: number;
  messages: number;
  /** States with so many slots chosen, and those where two members lead. */
  chosenStates: number[];
  twoLeaders: number;
  applied: number;
  violation: string;
  trace: string[];
}

const EMPTY = -1;

export class Explorer {
  readonly #scope: Scope;
  readonly #bounds: Bounds;
  readonly #quorums: Quorums;
  readonly #tables: Tables;
  readonly #machines: MemberMachine[];
  readonly #width: number;
  #arena: Int32Array;
  #table: Int32Array;
  #count = 0;
  readonly #verdicts = new Map<string, Verdict>();
  readonly #report: Report;

  constructor(replicaClass: ReplicaClass, scope: Scope, bounds: Bounds) {
    this.#scope = scope;
    this.#bounds = bounds;
    this.#quorums = scope.quorums ?? new Quorums(scope.members);
    this.#tables = { messages: new Interner(), facts: new Interner(), profiles: new Interner() };
    const members = Array.from({ length: scope.members }, (_, index) => index);
    this.#machines = members.map((index) => new MemberMachine(replicaClass, scope, index, this.#tables));
    this.#width = scope.members + 3;
    this.#table = new Int32Array(4096).fill(EMPTY);
    this.#arena = new Int32Array(this.#arenaLength());
    const counts = { states: 0, depth: 0, memberStates: 0, transitions: 0, messages: 0, twoLeaders: 0, applied: 0 };
    const chosenStates = new Array<number>(scope.slots + 1).fill(0);
    this.#report = { scope: scope.name, ...counts, chosenStates, isComplete: false, violation: '', trace: [] };
  }

  run(): Report {
    const report = this.#report;
    this.#visit(
      this.#machines.map((machine) => machine.begin()),
      -1,
      0,
      0,
    );
    let levelEnd = this.#count;
    let at = 0;
    for (; at < this.#count && report.violation === ''; at++) {
      if (at === levelEnd) {
        report.depth += 1;
        levelEnd = this.#count;
        if (report.depth >= this.#bounds.depthMax) break;
      }
      if (this.#count >= this.#bounds.statesMax) break;
      this.#expand(at);
    }
    report.isComplete = at === this.#count && report.violation === '';
    report.states = this.#count;
    report.messages = this.#tables.messages.size;
    for (const machine of this.#machines) {
      report.memberStates += machine.states.size;
      report.transitions += machine.transitions;
    }
    return report;
  }

  /** Everything that can happen next in state `at`. */
  #expand(at: number): void {
    const members = this.#machines.length;
    const ids = Array.from(this.#arena.subarray(at * this.#width, at * this.#width + members));
    const states = ids.map((id, index) => (this.#machines[index] as MemberMachine).states.get(id));
    let crashes = 0;
    let jumps = 0;
    for (const state of states) {
      crashes += state.crashes;
      jumps += state.jumps;
    }
    for (let member = 0; member < members; member++) {
      for (const event of OWN_EVENTS) {
        if (event === CRASH && crashes >= this.#scope.crashesMax) continue;
        if (event === JUMP && jumps >= this.#scope.jumpsMax) continue;
        this.#take(at, ids, member, event);
      }
      for (let from = 0; from < members; from++) {
        if (from === member) continue;
        for (const message of states[from]?.sent ?? []) {
          if (this.#tables.messages.get(message).to === member) this.#take(at, ids, member, message);
        }
      }
    }
  }

  #take(at: number, ids: number[], member: number, event: number): void {
    if (this.#report.violation !== '') return;
    const before = ids[member] as number;
    try {
      const next = (this.#machines[member] as MemberMachine).after(before, event);
      if (next === -1 || next === before) return;
      ids[member] = next;
      this.#visit(this.#withoutDead(ids), at, event, member);
    } catch (error) {
      this.#fail((error as Error).message, at, event, member);
    }
    ids[member] = before;
  }

  /** The same state without messages that would change nothing, now or ever. */
  #withoutDead(ids: readonly number[]): number[] {
    const profiles = ids.map((id, index) => (this.#machines[index] as MemberMachine).states.get(id).profile);
    return ids.map((id, index) => (this.#machines[index] as MemberMachine).withoutDead(id, profiles));
  }

  /** Records a state that is new, and judges it. */
  #visit(ids: readonly number[], parent: number, event: number, member: number): void {
    if (this.#count * 2 >= this.#table.length) this.#grow();
    let place = this.#placeOf(ids);
    while (this.#table[place] !== EMPTY) {
      if (this.#isAt(this.#table[place] as number, ids)) return;
      place = (place + 1) & (this.#table.length - 1);
    }
    this.#table[place] = this.#count;
    const base = this.#count * this.#width;
    for (let i = 0; i < ids.length; i++) this.#arena[base + i] = ids[i] as number;
    this.#arena[base + ids.length] = parent;
    this.#arena[base + ids.length + 1] = event;
    this.#arena[base + ids.length + 2] = member;
    this.#count += 1;
    this.#judge(ids, parent, event, member);
  }

  #judge(ids: readonly number[], parent: number, event: number, member: number): void {
    const report = this.#report;
    let leaders = 0;
    let key = '';
    const facts: number[] = [];
    for (let i = 0; i < ids.length; i++) {
      const state = (this.#machines[i] as MemberMachine).states.get(ids[i] as number);
      if (state.isLeader) leaders += 1;
      if (state.commit > 0) report.applied += 1;
      key += `${state.facts} `;
      facts.push(state.facts);
    }
    if (leaders > 1) report.twoLeaders += 1;
    let verdict = this.#verdicts.get(key);
    if (verdict === undefined) {
      verdict = judge(
        facts.map((id) => this.#tables.facts.get(id)),
        this.#quorums,
      );
      this.#verdicts.set(key, verdict);
    }
    if (verdict.violation !== '') this.#fail(verdict.violation, parent, event, member);
    else report.chosenStates[verdict.chosen] = (report.chosenStates[verdict.chosen] as number) + 1;
  }

  #placeOf(ids: readonly number[]): number {
    let hash = 0;
    for (const id of ids) hash = Math.imul(hash ^ id, 0x9e3779b1) ^ (hash >>> 15);
    return (hash ^ (hash >>> 13)) & (this.#table.length - 1);
  }

  #isAt(state: number, ids: readonly number[]): boolean {
    const base = state * this.#width;
    for (let i = 0; i < ids.length; i++) if (this.#arena[base + i] !== ids[i]) return false;
    return true;
  }

  /** The table is at most half full, so that a search is short. */
  #arenaLength(): number {
    return (this.#table.length / 2 + 1) * this.#width;
  }

  #grow(): void {
    this.#table = new Int32Array(this.#table.length * 4).fill(EMPTY);
    const arena = new Int32Array(this.#arenaLength());
    arena.set(this.#arena.subarray(0, this.#count * this.#width));
    this.#arena = arena;
    for (let state = 0; state < this.#count; state++) {
      const ids = Array.from(arena.subarray(state * this.#width, state * this.#width + this.#machines.length));
      let place = this.#placeOf(ids);
      while (this.#table[place] !== EMPTY) place = (place + 1) & (this.#table.length - 1);
      this.#table[place] = state;
    }
  }

  /** The way to the violation, from the first state on. */
  #fail(violation: string, parent: number, event: number, member: number): void {
    const trace = [this.#describe(event, member)];
    const members = this.#machines.length;
    for (let at = parent; at > 0; at = this.#arena[at * this.#width + members] as number) {
      const base = at * this.#width + members;
      trace.push(this.#describe(this.#arena[base + 1] as number, this.#arena[base + 2] as number));
    }
    this.#report.violation = violation;
    this.#report.trace = trace.reverse();
  }

  #describe(event: number, member: number): string {
    if (event < 0) return `${member} ${OWN_NAMES.get(event)}`;
    const { words } = this.#tables.messages.get(event);
    const fields = `ballot ${words[M_BALLOT]} slot ${words[M_SLOT]} aux ${words[M_AUX]}`;
    return `${member} receives ${kindName(words[M_KIND] as number)} of ${words[M_FROM]}: ${fields}`;
  }
}

const OWN_NAMES = new Map([
  [CAMPAIGN, 'campaigns'],
  [PROPOSE, 'proposes'],
  [PERSIST, 'has one more record durable'],
  [CRASH, 'crashes and recovers'],
  [JUMP, 'feels time pass'],
]);
