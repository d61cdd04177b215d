import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IssuedLedger } from '../../../src/cli/issued-ledger.ts';

const test = suite('issued ledger');

test('digests are known from the last acknowledged command to the last issued one', () => {
  const ledger = new IssuedLedger(3);
  for (const digest of [11, 22, 33]) ledger.issue(digest);
  ledger.acknowledge();
  assert.equal([ledger.issued, ledger.acknowledged, ledger.unknown], [3, 1, 2]);
  assert.equal(
    [1, 2, 3].map((count) => ledger.digestAt(count)),
    [11, 22, 33],
  );
  assert.throws(() => ledger.digestAt(0), /kept from the last acknowledged/);
  assert.throws(() => ledger.digestAt(4), /kept from the last acknowledged/);
});

test('the digest of nothing is 0', () => {
  const ledger = new IssuedLedger(1);
  assert.is(ledger.digestAt(0), 0);
  assert.is(ledger.digest, 0);
});

test('the ring turns for ever', () => {
  const ledger = new IssuedLedger(5);
  for (let number = 1; number <= 1000; number++) {
    ledger.issue(number * 7);
    if (number > 5) ledger.acknowledge();
    assert.is(ledger.digestAt(ledger.acknowledged), ledger.acknowledged * 7);
  }
  assert.is(ledger.digest, 7000);
  assert.is(ledger.unknown, 5);
});

test('more in flight than promised, or acknowledged than issued, is refused', () => {
  const ledger = new IssuedLedger(1);
  assert.throws(() => ledger.acknowledge(), /issued before/);
  ledger.issue(1);
  assert.throws(() => ledger.issue(2), /has room/);
});

test.run();
