/** Sends that wait for durability. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCEPTED, HEARTBEAT_REPLY } from '../../../src/paxos/message.ts';
import { A_AUX, A_BALLOT, A_KIND, A_SEQUENCE, A_SLOT, A_TO, ACTION_FIELDS } from '../../../src/paxos/outbox.ts';
import { HeldSends } from '../../../src/runtime/held-sends.ts';

function send(sequence: number, slot = 0, kind = ACCEPTED, to = 2, ballot = 7): Float64Array {
  const words = new Float64Array(ACTION_FIELDS);
  words[A_KIND] = kind;
  words[A_TO] = to;
  words[A_BALLOT] = ballot;
  words[A_SLOT] = slot;
  words[A_AUX] = slot + 1;
  words[A_SEQUENCE] = sequence;
  return words;
}

const test = suite('runtime/held-sends');

test('a send is ready only once its sequence is durable, first in, first out', () => {
  const held = new HeldSends(4);
  held.push(send(5), 0);
  held.push(send(3), 0);
  assert.is(held.ready(4), -1, 'the first one blocks');
  const at = held.ready(5);
  assert.is(held.words[at + A_SEQUENCE], 5);
  held.pop();
  assert.is(held.words[held.ready(5) + A_SEQUENCE], 3);
  held.pop();
  assert.ok(held.isEmpty);
});

test('a full queue drops the newest and counts it', () => {
  const held = new HeldSends(2);
  assert.equal([held.push(send(1), 0), held.push(send(2), 0), held.push(send(3), 0)], [true, true, false]);
  assert.is(held.dropped, 1);
});

test('goes round: many more sends than places', () => {
  const held = new HeldSends(3);
  for (let n = 1; n < 20; n++) {
    held.push(send(n), 0);
    assert.is(held.words[held.ready(n) + A_SEQUENCE], n);
    held.pop();
  }
});

test('grows up to its limit and keeps the order, also where it goes round', () => {
  const held = new HeldSends(200);
  for (let n = 0; n < 40; n++) {
    held.push(send(0), 0);
    held.pop();
  }
  for (let n = 1; n <= 200; n++) assert.ok(held.push(send(n), 0));
  assert.not(held.push(send(201), 0), 'the limit holds');
  for (let n = 1; n <= 200; n++) {
    assert.is(held.words[held.ready(200) + A_SEQUENCE], n);
    held.pop();
  }
  assert.ok(held.isEmpty);
});

test('only an ACCEPTED of the same ballot and member that begins where the range ends prolongs it', () => {
  const held = new HeldSends(8);
  held.push(send(1, 4), 0);
  const first = held.ready(1);
  const others = [
    send(1, 5),
    send(1, 6),
    send(1, 5, HEARTBEAT_REPLY),
    send(1, 5, ACCEPTED, 4),
    send(1, 5, ACCEPTED, 2, 8),
  ];
  for (const other of others) held.push(other, 0);
  const verdicts = others.map((_, n) => held.continues(first, (n + 1) * ACTION_FIELDS, 5));
  assert.equal(verdicts, [true, false, false, false, false]);
});

test.run();
