/** Every refusal is counted; what was just said is not said again. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createLinkStatus,
  LinkStatusWriter,
  readLinkStatus,
  STRANGERS_LINE,
} from '../../../src/transport/link-status.ts';
import { type Refusal, Refusals } from '../../../src/transport/refusals.ts';

const test = suite('transport/refusals');

function make() {
  const block = createLinkStatus();
  const clock = { ms: 0 };
  const messages: string[] = [];
  const member = new LinkStatusWriter(block, 1);
  const strangers = new LinkStatusWriter(block, STRANGERS_LINE);
  const refusals = new Refusals(
    (index) => (index === 1 ? member : strangers),
    (_refusal, message) => messages.push(message),
    () => clock.ms,
  );
  const add = (change: Partial<Refusal> = {}): void =>
    refusals.add({ memberIndex: -1, isByPeer: false, address: '10.0.0.9', reason: 'notSynod', detail: '', ...change });
  return { block, clock, messages, add };
}

test('a flood from one address is counted in full and reported once', () => {
  const { block, messages, add } = make();
  for (let i = 0; i < 1000; i++) add();
  assert.is(readLinkStatus(block, STRANGERS_LINE).refusals, 1000);
  assert.is(messages.length, 1);
  assert.match(messages[0]!, /A stranger at 10\.0\.0\.9 was refused: what arrived is not the protocol/);
});

test('another reason, address or side is news; the same one is, after a while', () => {
  const { messages, clock, add } = make();
  add();
  add({ reason: 'slow' });
  add({ address: '10.0.0.8' });
  add({ memberIndex: 1, isByPeer: true, reason: 'shards', detail: 'it has 5, here are 4' });
  assert.is(messages.length, 4);
  assert.match(messages[3]!, /Member 1 .* refused this node: the shard counts differ \(it has 5, here are 4\)\./);
  add();
  assert.is(messages.length, 4);
  clock.ms += 5000;
  add();
  assert.is(messages.length, 5);
});

test('a flood from ever new addresses ends in one place, and memory stays bounded', () => {
  const { block, messages, add, clock } = make();
  for (let i = 0; i < 10_000; i++) add({ address: `10.1.${i >> 8}.${i & 255}` });
  assert.is(readLinkStatus(block, STRANGERS_LINE).refusals, 10_000);
  assert.ok(messages.length <= 258, `${messages.length} messages`);
  clock.ms += 5000;
  add({ address: 'new' });
  assert.ok(messages.length <= 259);
});

test('members and strangers have their own lines', () => {
  const { block, add } = make();
  add({ memberIndex: 1, reason: 'oldBoot' });
  assert.is(readLinkStatus(block, 1).reason, 'oldBoot');
  assert.is(readLinkStatus(block, STRANGERS_LINE).refusals, 0);
});

test.run();
