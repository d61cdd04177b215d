/**
 * The learner against a plain table of slots: what is recorded, what is chosen, what the leader of which ballot has said. After each
 * call the watermark, the outbox and every open slot are what the table says: L1, L2, L5, L6; requires L3, L4 hold throughout.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Acceptor } from '../../src/paxos/acceptor.ts';
import { makeBallot } from '../../src/paxos/ballot.ts';
import { Learner } from '../../src/paxos/learner.ts';
import { ACCEPT, LEARNED } from '../../src/paxos/message.ts';
import type { ReplicaState } from '../../src/paxos/replica-state.ts';
import { command, followsModel } from '../support/commands.ts';
import { drain, makeState, message } from '../support/core.ts';

const SLOTS = 6;
const LENGTH = 8;

interface Entry {
  ballot: number;
  crc: number;
  isLearned: boolean;
}

class Table {
  promised = 0;
  heardBallot = 0;
  heardCommit = 0;
  commit = 0;
  persisted = 0;
  readonly slots = new Map<number, Entry>();

  isKnownChosen(slot: number): boolean {
    const entry = this.slots.get(slot);
    if (entry === undefined) return false;
    return entry.isLearned || (slot < this.heardCommit && entry.ballot === this.heardBallot);
  }

  /** Moves over what is known chosen without a gap; says where it arrived, if it moved. */
  advance(): number[] {
    const before = this.commit;
    while (this.isKnownChosen(this.commit)) this.slots.delete(this.commit++);
    return this.commit > before ? [this.commit] : [];
  }
}

interface Real {
  state: ReplicaState;
  acceptor: Acceptor;
  learner: Learner;
}

/** COMMIT actions that left, and how many chosen values were logged. */
function check(table: Table, real: Real, commits: number[], law: string): void {
  const actions = drain(real.state.outbox);
  const moved = actions.filter(({ op }) => op === 'COMMIT').map(({ commit }) => commit);
  assert.equal(moved, commits, law);
  assert.is(actions.filter(({ op }) => op === 'PERSIST_LEARNED').length, table.persisted, 'L5');
  table.persisted = 0;
  const { state } = real;
  assert.equal([state.heardBallot, state.heardCommit], [table.heardBallot, table.heardCommit], 'L1');
  assert.is(state.commitWatermark, table.commit, 'L2');
  for (let slot = table.commit; slot < SLOTS; slot++) {
    const i = state.window.index(slot);
    const entry = table.slots.get(slot);
    assert.is(state.window.recorded[i], entry === undefined ? 0 : 1);
    assert.is(state.window.valueCrc[i], entry?.crc ?? 0, 'L6');
    assert.is(state.window.learned[i], entry?.isLearned === true ? 1 : 0, 'L5');
    assert.is(real.learner.isLearned(slot), table.isKnownChosen(slot));
  }
}

/** A vote for a value that its ballot alone decides, so that no ballot has two. */
function vote(ballot: number, slot: number) {
  return command<Table, Real>(
    `vote ${ballot} in ${slot}`,
    (table, real) => {
      const crc = 1 + (ballot % 2);
      real.acceptor.onAccept(message(ACCEPT, { ballot, slot, crc, length: LENGTH }));
      const known = table.slots.get(slot);
      table.promised = ballot;
      if (known?.isLearned !== true || known.crc === crc) {
        table.slots.set(slot, { ballot, crc, isLearned: known?.isLearned ?? false });
      }
      check(table, real, [], 'a vote alone moves nothing');
    },
    (table) => ballot >= table.promised && slot >= table.commit && table.slots.get(slot)?.ballot !== ballot,
  );
}

function hear(ballot: number, commit: number) {
  return command<Table, Real>(
    `hear ${ballot} at ${commit}`,
    (table, real) => {
      real.learner.hear(ballot, commit);
      if (ballot > table.heardBallot) {
        table.heardBallot = ballot;
        table.heardCommit = commit;
      } else if (ballot === table.heardBallot) table.heardCommit = Math.max(commit, table.heardCommit);
      check(table, real, table.advance(), 'L2');
    },
    (table) => ballot >= table.heardBallot,
  );
}

function learn(slot: number, crc: number) {
  return command<Table, Real>(`learn ${slot}: ${crc}`, (table, real) => {
    const words = message(LEARNED, { slot, crc, length: LENGTH });
    const known = table.slots.get(slot);
    if (slot >= table.commit && known?.isLearned === true && known.crc !== crc) {
      assert.throws(() => real.learner.onLearned(words), /L6/);
      check(table, real, [], 'L6');
      return;
    }
    real.learner.onLearned(words);
    const isNews = slot >= table.commit && known?.isLearned !== true;
    if (isNews && known?.crc !== crc) table.persisted = 1;
    if (isNews) table.slots.set(slot, { ballot: known?.ballot ?? 0, crc, isLearned: true });
    check(table, real, isNews ? table.advance() : [], 'L2');
  });
}

function choose(slot: number) {
  return command<Table, Real>(
    `choose ${slot}`,
    (table, real) => {
      real.learner.choose(slot);
      (table.slots.get(slot) as Entry).isLearned = true;
      real.learner.maybeAdvance();
      check(table, real, table.advance(), 'L2');
    },
    (table) => table.slots.has(slot),
  );
}

function make(): { model: Table; real: Real } {
  const state = makeState(0);
  return { model: new Table(), real: { state, acceptor: new Acceptor(state), learner: new Learner(state) } };
}

const ballot = fc.integer({ min: 1, max: 5 }).map((round) => makeBallot(round, 2 + (round % 2)));
const slot = fc.nat(SLOTS - 1);
const test = suite('property: learner');

test('a learner knows what its table says, and moves its watermark over that only (L1, L2, L5, L6)', () => {
  followsModel(
    [
      fc.tuple(ballot, slot).map((args) => vote(...args)),
      fc.tuple(ballot, fc.nat(SLOTS)).map((args) => hear(...args)),
      fc.tuple(slot, fc.integer({ min: 1, max: 2 })).map((args) => learn(...args)),
      slot.map(choose),
    ],
    make,
    500,
  );
});

test.run();
