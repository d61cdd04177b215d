/** Reads of every consistency over real worker threads and logs, also across a change of leader. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cluster, type ClusterOptions, type Consistency, kv, openCluster } from '../../src/index.ts';

const ALL: readonly Consistency[] = ['linearizable', 'lease', 'session', 'stale'];
const KEY = 'account';

let directory = '';
const test = suite('reads');

test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-reads-'));
});

test.after.each(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function withCluster(options: ClusterOptions, check: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await openCluster({ shards: 1, ...options });
  try {
    await check(cluster);
  } finally {
    await cluster.close();
  }
}

async function readValue(cluster: Cluster, consistency: Consistency): Promise<number> {
  const { value } = kv.decodeReply(await cluster.read(KEY, kv.get(KEY), { consistency }));
  return Number(new TextDecoder().decode(value));
}

const put = (cluster: Cluster, value: number): Promise<Uint8Array> => cluster.propose(KEY, kv.put(KEY, `${value}`));

for (const native of ['auto', 'off'] as const) {
  test(`native ${native}: whoever wrote reads it, whatever the consistency`, () =>
    withCluster({ durability: 'memory', memoryLogBytes: 1 << 26, native }, async (cluster) => {
      for (let n = 1; n <= 50; n++) {
        await put(cluster, n);
        for (const consistency of ALL) assert.is(await readValue(cluster, consistency), n, consistency);
      }
    }));
}

test('reads stay right while the leader is handed over and terminated, also without leases', async () => {
  for (const leaseMs of [0, 100]) {
    await withCluster({ directory: join(directory, `${leaseMs}`), leaseMs }, async (cluster) => {
      for (let n = 1; n <= 40; n++) {
        if (n === 10) cluster.transferLeadership(0, 1);
        if (n === 25) cluster.terminateWorker(cluster.status().shards[0]?.leader ?? 0, 0);
        await put(cluster, n);
        for (const consistency of ['linearizable', 'lease', 'session'] as const)
          assert.is(await readValue(cluster, consistency), n, consistency);
      }
    });
  }
});

test('reads that wait together are answered in order, however many', () =>
  withCluster({ durability: 'memory', memoryLogBytes: 1 << 26 }, async (cluster) => {
    await put(cluster, 7);
    for (const consistency of ALL) {
      const found = await Promise.all(Array.from({ length: 5000 }, () => readValue(cluster, consistency)));
      assert.ok(found.every((value) => value === 7));
    }
  }));

test.run();
