/** The outbox. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OUTBOX_ACTIONS_MAX } from '../../../src/limits.ts';
import { A_AUX, A_KIND, A_OP, A_TO, Outbox, SEND } from '../../../src/paxos/outbox.ts';

const test = suite('paxos/outbox');

test('actions come out in order, with no field of an earlier life', () => {
  const outbox = new Outbox();
  outbox.words[outbox.begin(SEND, 3, 1) + A_AUX] = 7;
  outbox.clear();
  outbox.begin(SEND, 4, 2);
  outbox.begin(SEND, 5, 6);
  assert.is(outbox.count, 2);
  assert.equal([outbox.words[outbox.at(0) + A_KIND], outbox.words[outbox.at(0) + A_AUX]], [4, 0]);
  assert.equal([outbox.words[outbox.at(1) + A_OP], outbox.words[outbox.at(1) + A_TO]], [SEND, 6]);
});

test('one action more than fits throws', () => {
  const outbox = new Outbox();
  for (let n = 0; n < OUTBOX_ACTIONS_MAX; n++) outbox.begin(SEND, 1, 1);
  assert.not(outbox.hasRoom(1));
  assert.throws(() => outbox.begin(SEND, 1, 1), /overflow/);
});

test('an action that is not there cannot be read', () => assert.throws(() => new Outbox().at(0), /no such action/));

test.run();
