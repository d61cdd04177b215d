/** The audit machine: counts, digests, numbers out of order, and the kv machine behind it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUDIT_HEADER_BYTES, AuditMachine, createMachine } from '../../../src/machines/audit.ts';
import { mixDigest } from '../../../src/machines/audit-digest.ts';
import { decodeReport, reportQuery } from '../../../src/machines/audit-report.ts';
import { kv } from '../../../src/machines/kv-commands.ts';
import { MachineCalls } from '../../support/machine-calls.ts';
import { runSteps } from '../../support/run-steps.ts';

function command(client: number, number: number, inner: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((AUDIT_HEADER_BYTES + inner.length + 3) & ~3);
  new Int32Array(bytes.buffer).set([client, 0, number, 0]);
  bytes.set(inner, AUDIT_HEADER_BYTES);
  return bytes;
}

const digestOf = (commands: Uint8Array[]): number =>
  commands.reduce((digest, bytes) => mixDigest(digest, new Int32Array(bytes.buffer), 0, bytes.length), 0);

const test = suite('machines/audit');

test('keeps per client a count, the last number and the digest that a client computes', () => {
  const calls = new MachineCalls(new AuditMachine());
  const mine = [command(7, 1, kv.put('a', 'x')), command(7, 2, kv.put('a', 'y'))];
  const others = [command(9, 1, kv.put('b', 'z'))];
  for (const bytes of [mine[0], others[0], mine[1]]) calls.apply(bytes as Uint8Array);
  assert.equal(decodeReport(calls.query(reportQuery())), {
    outOfOrder: 0,
    clients: [
      { client: 7, count: 2, lastNumber: 2, digest: digestOf(mine) },
      { client: 9, count: 1, lastNumber: 1, digest: digestOf(others) },
    ],
  });
});

test('a number left out or applied twice counts as out of order', () => {
  for (const numbers of [[1, 3], [1, 1], [2]]) {
    const calls = new MachineCalls(new AuditMachine());
    for (const number of numbers) calls.apply(command(1, number, kv.put('a', 'x')));
    assert.is(decodeReport(calls.query(reportQuery())).outOfOrder, 1);
  }
});

test('commands and queries reach the kv machine', () => {
  const calls = new MachineCalls(new AuditMachine());
  assert.is(kv.decodeReply(calls.apply(command(1, 1, kv.put('a', 'x')))).revision, 1);
  assert.is(kv.decodeReply(calls.query(kv.get('a'))).status, 'ok');
});

test('a restored snapshot reports and answers the same', () => {
  const machine = new AuditMachine();
  const calls = new MachineCalls(machine);
  for (let n = 1; n <= 100; n++) calls.apply(command(n % 3, Math.ceil(n / 3), kv.put(`k${n}`, 'x')));
  const copy = createMachine({ groupId: 0, replicaIndex: 0 });
  runSteps(copy.restore(machine.snapshot()));
  const copied = new MachineCalls(copy);
  assert.equal(copied.query(reportQuery()), calls.query(reportQuery()));
  assert.equal(copied.query(kv.get('k50')), calls.query(kv.get('k50')));
});

test.run();
