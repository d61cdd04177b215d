import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientReport, judge, type ReplicaReport, verify } from '../../../src/cli/demo-verify.ts';
import { IssuedLedger } from '../../../src/cli/issued-ledger.ts';

/** Commands are numbers here; order matters to the mix as it does to the machine's. */
const mix = (digest: number, command: number): number => (Math.imul(digest, 31) + command) | 0;

const CLIENT = 7;

/** A client that issued `issued` commands, of which `acknowledged` were acknowledged. */
function ledgerOf(issued: number, acknowledged: number): IssuedLedger {
  const ledger = new IssuedLedger(issued);
  let digest = 0;
  for (let number = 1; number <= issued; number++) ledger.issue((digest = mix(digest, number)));
  for (let number = 1; number <= acknowledged; number++) ledger.acknowledge();
  return ledger;
}

/** What a machine reports that applied these commands in this order. */
function applied(numbers: readonly number[]): ClientReport {
  let digest = 0;
  for (const number of numbers) digest = mix(digest, number);
  return { client: CLIENT, count: numbers.length, lastNumber: numbers.at(-1) ?? 0, digest };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

function reports(...histories: number[][]): ReplicaReport[] {
  return histories.map((history, replica) => ({ shard: 0, replica, outOfOrder: 0, clients: [applied(history)] }));
}

const issuedBy = (ledger: IssuedLedger) => [{ shard: 0, client: CLIENT, ledger }];

const test = suite('demo verification');

test('any prefix from the acknowledged to the issued count is right', () => {
  const ledger = ledgerOf(10, 6);
  for (let count = 6; count <= 10; count++) assert.is(judge(ledger, applied(upTo(count))).problem, undefined);
});

test('three equal replicas pass', () => {
  const verdict = verify(issuedBy(ledgerOf(10, 6)), reports(upTo(8), upTo(8), upTo(8)));
  assert.equal(verdict, { lost: 0, duplicated: 0, digestsEqual: true, violations: [] });
});

test('an acknowledged command that is missing at the end is lost', () => {
  const verdict = verify(issuedBy(ledgerOf(10, 9)), reports(upTo(7), upTo(7), upTo(7)));
  assert.is(verdict.lost, 2);
  assert.is(verdict.duplicated, 0);
  assert.is(verdict.violations.length, 3);
  assert.match(verdict.violations[0] as string, /shard 0, client 7, replica 0: 2 commands lost .* 9 acknowledged/);
});

test('a command that is missing in the middle is lost', () => {
  const history = upTo(9).filter((number) => number !== 4);
  const verdict = verify(issuedBy(ledgerOf(9, 9)), reports(history));
  assert.is(verdict.lost, 1);
  assert.is(verdict.violations.length, 1);
});

test('a command applied twice is a duplicate, wherever it stands', () => {
  for (const history of [
    [1, 2, 2, 3],
    [1, 1, 2, 3],
    [1, 2, 3, 3],
  ]) {
    const verdict = verify(issuedBy(ledgerOf(3, 3)), reports(history));
    assert.is(verdict.duplicated, 1, history.join());
    assert.match(verdict.violations.join(), /applied more than once/);
  }
});

test('a gap among commands that nobody acknowledged is a loss too', () => {
  assert.is(judge(ledgerOf(9, 3), applied([1, 2, 3, 4, 6, 7])).lost, 1);
});

test('a duplicate does not make up for a loss', () => {
  const finding = judge(ledgerOf(9, 9), applied([1, 2, 2, 3, 4, 5, 6, 7, 8]));
  assert.equal([finding.lost, finding.duplicated], [1, 1]);
});

test('more applied than was ever issued is a duplicate', () => {
  assert.is(judge(ledgerOf(3, 3), applied(upTo(4))).duplicated, 1);
});

test('two commands that changed places are found by the digest alone', () => {
  const verdict = verify(issuedBy(ledgerOf(5, 5)), reports([1, 3, 2, 4, 5]));
  assert.equal([verdict.lost, verdict.duplicated], [0, 0]);
  assert.match(verdict.violations.join(), /another order than issued/);
});

test('a replica that knows nothing of a client lost what was acknowledged', () => {
  const silent = [{ shard: 0, replica: 0, outOfOrder: 0, clients: [] }];
  assert.is(verify(issuedBy(ledgerOf(3, 2)), silent).lost, 2);
  assert.is(verify(issuedBy(ledgerOf(3, 0)), silent).violations.length, 0);
});

test('lost is counted once per command, not once per replica', () => {
  assert.is(verify(issuedBy(ledgerOf(9, 9)), reports(upTo(7), upTo(8), upTo(9))).lost, 2);
});

test('replicas that stopped at different places are named', () => {
  const verdict = verify(issuedBy(ledgerOf(9, 6)), reports(upTo(7), upTo(8), upTo(7)));
  assert.is(verdict.digestsEqual, false);
  assert.equal([verdict.lost, verdict.duplicated, verdict.violations.length], [0, 0, 1]);
  assert.match(verdict.violations[0] as string, /replica 1: differs/);
});

test('replicas of equal counts and other digests are named', () => {
  const reported = reports(upTo(7), upTo(7));
  (reported[1]?.clients[0] as ClientReport).digest ^= 1;
  const verdict = verify(issuedBy(ledgerOf(7, 7)), reported);
  assert.is(verdict.digestsEqual, false);
  assert.is(verdict.violations.length, 2);
});

test('replicas of equal digests and other counts are named', () => {
  const reported = reports(upTo(7), upTo(7));
  (reported[1]?.clients[0] as ClientReport).count = 6;
  assert.is(verify(issuedBy(ledgerOf(7, 0)), reported).digestsEqual, false);
});

test('what the machine itself saw out of order, and a shard without report, are violations', () => {
  const [report] = reports(upTo(3));
  const verdict = verify(issuedBy(ledgerOf(3, 3)), [{ ...(report as ReplicaReport), outOfOrder: 2 }]);
  assert.match(verdict.violations.join(), /2 commands out of order/);
  assert.match(verify(issuedBy(ledgerOf(3, 3)), []).violations.join(), /no replica reported/);
});

test('reports of other shards do not count', () => {
  const other = reports(upTo(3)).map((report) => ({ ...report, shard: 1 }));
  assert.is(verify(issuedBy(ledgerOf(3, 3)), other).violations.length, 1);
});

test.run();
