/** What the media say is chosen, and what members must not say before. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RecoveredRecord } from '../../src/log/log.ts';
import { KIND_LEARNED, KIND_PROMISE, KIND_VOTE, KIND_VOTE_AGAIN } from '../../src/log/record.ts';
import { emptyRecord } from '../../src/log/record-header.ts';
import { ACCEPTED, PREPARE, PROMISE } from '../../src/paxos/message.ts';
import { VoteBook } from './vote-book.ts';

const record = (kind: number, ballot: number, slot = 0, valueCrc = 1): RecoveredRecord => ({
  ...emptyRecord(),
  kind,
  ballot,
  slot,
  valueCrc,
});

const test = suite('sim vote book');

test('a vote is answered for only once it is durable, in its own ballot', () => {
  const book = new VoteBook(3);
  book.onRecord(1, record(KIND_VOTE, 7, 4));
  book.onFrame(1, ACCEPTED, 7, 4, 5);
  assert.is(book.violation, '');
  book.onFrame(1, ACCEPTED, 7, 4, 6);
  assert.match(book.violation, /member 1 answered for a vote in slot 5 at 7 that is not durable/);
});

test('neither a promise nor a candidacy leaves before its promise is durable', () => {
  for (const kind of [PROMISE, PREPARE]) {
    const book = new VoteBook(3);
    book.onRecord(2, record(KIND_PROMISE, 7));
    book.onFrame(2, kind, 7, 0, 0);
    assert.is(book.violation, '');
    book.onFrame(2, kind, 8, 0, 0);
    assert.match(book.violation, /own promise is not durable/);
  }
});

test('a life knows what its recovery shows, and no more', () => {
  const book = new VoteBook(3);
  book.onRecord(0, record(KIND_VOTE, 7, 4));
  book.onStart(0);
  book.onFrame(0, ACCEPTED, 7, 4, 5);
  assert.match(book.violation, /not durable/);
});

test('two values in one ballot and slot', () => {
  const book = new VoteBook(3);
  book.onRecord(0, record(KIND_VOTE, 7, 4, 11));
  book.onRecord(1, record(KIND_VOTE, 7, 4, 12));
  assert.match(book.violation, /two values were voted for in slot 4 at ballot 7/);
});

test('two values chosen in one slot, also by votes that never stood at the same time', () => {
  const book = new VoteBook(3);
  book.onRecord(0, record(KIND_VOTE, 7, 4, 11));
  book.onRecord(0, record(KIND_VOTE, 8, 4, 12));
  book.onRecord(1, record(KIND_VOTE_AGAIN, 7, 4, 11));
  assert.is(book.violation, '');
  book.onRecord(2, record(KIND_VOTE, 8, 4, 12));
  assert.match(book.violation, /slot 4 was chosen at ballot 7 and with another value at 8/);
});

test('a watermark over what no quorum voted for in one ballot', () => {
  const book = new VoteBook(3);
  for (const member of [0, 1]) book.onRecord(member, record(KIND_VOTE, 7, 0));
  book.onCommit(0, 1);
  assert.is(book.violation, '');
  book.onRecord(0, record(KIND_VOTE, 7, 1));
  book.onRecord(1, record(KIND_VOTE, 8, 1));
  book.onRecord(2, record(KIND_LEARNED, 8, 1));
  book.onCommit(2, 2);
  assert.match(book.violation, /member 2 takes slot 1 for chosen, and no quorum voted for it/);
});

test('a quorum of five is three', () => {
  const book = new VoteBook(5);
  for (const member of [0, 1]) book.onRecord(member, record(KIND_VOTE, 7, 0));
  book.onCommit(0, 1);
  assert.match(book.violation, /no quorum/);
});

test.run();
