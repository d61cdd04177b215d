/**
 * The acceptor against a book of promises and votes. After each call its outbox is, action by action, what the book says:
 * A2, A3 (promises), A5, A6, A7, A17 (PREPARE), A9, A10, A11, A12, A13, A14, A16 (ACCEPT); requires A1, A4, A8, A15 hold throughout.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPTOR_WINDOW_SLOTS } from '../../src/limits.ts';
import { Acceptor } from '../../src/paxos/acceptor.ts';
import { BALLOT_CHOSEN, makeBallot } from '../../src/paxos/ballot.ts';
import { Learner } from '../../src/paxos/learner.ts';
import { ACCEPT, LEARNED, PREPARE } from '../../src/paxos/message.ts';
import type { ReplicaState } from '../../src/paxos/replica-state.ts';
import { command, followsModel } from '../support/commands.ts';
import { drain, makeState, message } from '../support/core.ts';

const LENGTH = 8;

interface Vote {
  ballot: number;
  crc: number;
  sequence: number;
  isLearned: boolean;
}

/** The book: what was promised, voted and learned, and what was answered. */
class Book {
  promised = 0;
  promiseSequence = 0;
  sequence = 0;
  commit = 0;
  answered = { ballot: 0, attempt: 0 };
  readonly votes = new Map<number, Vote>();

  /** Slots from `first` on that hold something, lowest first. */
  open(first: number): [number, Vote][] {
    const from = Math.max(first, this.commit);
    return [...this.votes].filter(([slot]) => slot >= from).sort(([a], [b]) => a - b);
  }
}

interface Real {
  state: ReplicaState;
  acceptor: Acceptor;
  learner: Learner;
}

type Line = [what: string, ballot: number, slot: number, aux: number, sequence: number];

/** What left since the last look, in order. */
function lines(real: Real): Line[] {
  return drain(real.state.outbox)
    .filter(({ op }) => op !== 'COMMIT')
    .map(({ op, kind, ballot, slot, aux, sequence }) => [kind || op, ballot, slot, aux, sequence]);
}

function promise(ballot: number) {
  return command<Book, Real>(
    `promise ${ballot}`,
    (book, real) => {
      const isNew = ballot > book.promised;
      if (isNew) {
        book.promised = ballot;
        book.promiseSequence = ++book.sequence;
      }
      assert.is(real.acceptor.promise(ballot), book.promiseSequence, 'A3');
      assert.is(real.state.promisedBallot, ballot, 'A2');
      assert.equal(lines(real), isNew ? [['PERSIST_PROMISE', ballot, 0, 0, book.promiseSequence]] : []);
    },
    (book) => ballot >= book.promised,
  );
}

function prepare(ballot: number, slot: number, attempt: number) {
  return command<Book, Real>(`prepare ${ballot} from ${slot}, attempt ${attempt}`, (book, real) => {
    const isTaken = real.acceptor.onPrepare(message(PREPARE, { ballot, slot, aux2: attempt }));
    const found = lines(real);
    if (ballot < book.promised) {
      assert.not(isTaken, 'A5');
      assert.equal(found, [['REJECT', ballot, 0, book.promised, book.promiseSequence]], 'A5');
      return;
    }
    const isRepeated = ballot === book.answered.ballot && attempt <= book.answered.attempt;
    assert.is(isTaken, !isRepeated, 'A17');
    const wanted: Line[] = [];
    if (!isRepeated) answer(book, ballot, slot, attempt, wanted);
    assert.equal(found, wanted, isRepeated ? 'A17' : 'A6, A7');
  });
}

function answer(book: Book, ballot: number, slot: number, attempt: number, wanted: Line[]): void {
  book.answered = { ballot, attempt };
  if (ballot > book.promised) {
    book.promised = ballot;
    book.promiseSequence = ++book.sequence;
    wanted.push(['PERSIST_PROMISE', ballot, 0, 0, book.promiseSequence]);
  }
  const votes = book.open(slot);
  for (const [at, vote] of votes) {
    wanted.push(['PROMISE_VOTE', ballot, at, vote.isLearned ? BALLOT_CHOSEN : vote.ballot, book.sequence]);
  }
  wanted.push(['PROMISE', ballot, attempt, votes.length, book.sequence]);
}

function accept(ballot: number, slot: number, crc: number) {
  return command<Book, Real>(`accept ${ballot} in ${slot}: ${crc}`, (book, real) => {
    const words = message(ACCEPT, { ballot, slot, crc, length: LENGTH });
    const vote = book.votes.get(slot);
    const isOpen = slot >= book.commit && slot < book.commit + ACCEPTOR_WINDOW_SLOTS;
    const isRefused = ballot < book.promised;
    const isKnownOther = vote?.isLearned === true && vote.crc !== crc;
    if (isOpen && !isRefused && !isKnownOther && vote?.ballot === ballot && vote.crc !== crc) {
      assert.throws(() => real.acceptor.onAccept(words), /A12/);
      assert.equal(lines(real), [], 'A12');
      return;
    }
    assert.is(real.acceptor.onAccept(words), !isRefused);
    const wanted: Line[] = [];
    if (isRefused) wanted.push(['REJECT', ballot, 0, book.promised, book.promiseSequence]);
    else if (slot < book.commit) wanted.push(['ACCEPTED', ballot, slot, slot, 0]);
    else if (isOpen && !isKnownOther) castVote(book, ballot, slot, crc, wanted);
    assert.equal(lines(real), wanted, isRefused ? 'A9' : isKnownOther ? 'A13' : isOpen ? 'A11, A14, A16' : 'A10');
  });
}

function castVote(book: Book, ballot: number, slot: number, crc: number, wanted: Line[]): void {
  const known = book.votes.get(slot);
  if (known?.ballot !== ballot) {
    book.sequence += 1;
    if (ballot > book.promised) book.promiseSequence = book.sequence;
    book.promised = ballot;
    book.votes.set(slot, { ballot, crc, sequence: book.sequence, isLearned: known?.isLearned ?? false });
    wanted.push(['PERSIST_VOTE', ballot, slot, 0, book.sequence]);
  }
  wanted.push(['ACCEPTED', ballot, slot, slot + 1, book.votes.get(slot)?.sequence ?? -1]);
}

function learn(slot: number, crc: number) {
  return command<Book, Real>(
    `learn ${slot}: ${crc}`,
    (book, real) => {
      real.learner.onLearned(message(LEARNED, { slot, crc, length: LENGTH }));
      const known = book.votes.get(slot);
      const wanted: Line[] = [];
      if (known?.crc !== crc) wanted.push(['PERSIST_LEARNED', 0, slot, 0, ++book.sequence]);
      book.votes.set(slot, { ballot: 0, sequence: 0, ...known, crc, isLearned: true });
      while (book.votes.get(book.commit)?.isLearned === true) book.votes.delete(book.commit++);
      assert.equal(lines(real), wanted);
    },
    (book) => slot >= book.commit && book.votes.get(slot)?.isLearned !== true,
  );
}

const ballots = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }));
const ballot = ballots.map(([round, node]) => makeBallot(round, node));
const slot = fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(ACCEPTOR_WINDOW_SLOTS + 2) });
const crc = fc.integer({ min: 1, max: 2 });

function make(): { model: Book; real: Real } {
  const state = makeState(0);
  return { model: new Book(), real: { state, acceptor: new Acceptor(state), learner: new Learner(state) } };
}

const test = suite('property: acceptor');

test('an acceptor promises, votes and answers as its book says (A2, A3, A5, A6, A7, A9, A10, A11, A12, A13, A14, A16, A17)', () => {
  followsModel(
    [
      ballot.map(promise),
      fc.tuple(ballot, fc.nat(4), fc.integer({ min: 1, max: 3 })).map((args) => prepare(...args)),
      fc.tuple(ballot, slot, crc).map((args) => accept(...args)),
      fc.tuple(ballot, fc.nat(4), crc).map((args) => accept(...args)),
      fc.tuple(fc.nat(4), crc).map((args) => learn(...args)),
    ],
    make,
  );
});

test.run();
