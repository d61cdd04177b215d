/** A status as columns, of a node and of a cluster. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { statusTable } from '../../../src/cli/status-table.ts';

const test = suite('cli/status-table');

const STATE = { role: 'leader', commitWatermark: 12, appliedWatermark: 11, commands: 100 };

test('a node shows its own part of each shard, its workers and its links', () => {
  const text = statusTable({
    id: 3,
    durability: 'auto',
    shards: [{ shard: 0, leader: 3, error: undefined, ...STATE }],
    workers: [{ replica: 0, worker: 0, isUp: true, device: 'direct', durable: true, restarts: 2 }],
    links: [{ node: 1, isUp: true, tls: { hidden: 1 } }],
  });
  assert.is(
    text,
    [
      'node 3 · 1 shards · durability auto',
      '',
      'shard  leader  replica  role    chosen  applied  commands',
      '0      3       here     leader  12      11       100',
      '',
      'replica  worker  thread  device  durable  restarts',
      '0        0       up      direct  yes      2',
      '',
      'node  isUp',
      '1     true',
    ].join('\n'),
  );
});

test('a cluster shows every replica, and why one stopped', () => {
  const replicas = [
    { replica: 0, ...STATE, error: 0 },
    { replica: 1, ...STATE, role: 'stopped', error: 7 },
  ];
  const lines = statusTable({ shards: [{ shard: 0, leader: 0, error: undefined, replicas }] }).split('\n');
  assert.is(lines[0], 'cluster in one process · 1 shards · durability ?');
  assert.match(lines[3] as string, /^0 +0 +0 +leader/);
  assert.match(lines[4] as string, /^0 +0 +1 +stopped .* 7$/);
});

test.run();
