/** The public API over real worker threads and logs: what a user meets, good and bad. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cluster, type ClusterOptions, kv, openCluster, SynodError } from '../../src/index.ts';

const MEMORY: ClusterOptions = { durability: 'memory', memoryLogBytes: 1 << 26 };
const machine = (name: string): URL => new URL(`./machines/${name}.js`, import.meta.url);
const key = (i: number): string => `key-${i}`;
const one = new Uint8Array(Int32Array.of(1, 0).buffer);

let root = '';

async function withCluster(options: ClusterOptions, check: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await openCluster(options);
  try {
    await check(cluster);
  } finally {
    await cluster.close();
  }
}

async function failure(promise: Promise<unknown>): Promise<SynodError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, SynodError, String(error));
  return error as SynodError;
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => (await failure(promise)).code;
const wordOf = (reply: Uint8Array): number => new DataView(reply.buffer, reply.byteOffset).getInt32(0, true);

/** The value under a key, as text. */
async function textUnder(cluster: Cluster, name: string): Promise<string> {
  const { value } = kv.decodeReply(await cluster.read(name, kv.get(name)));
  return new TextDecoder().decode(value);
}

const test = suite('public-api');

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-api-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

test('commands are applied and read back, on every shard', () =>
  withCluster(MEMORY, async (cluster) => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => cluster.propose(key(i), kv.put(key(i), `value ${i}`))));
    for (let i = 0; i < 200; i += 7) assert.is(await textUnder(cluster, key(i)), `value ${i}`);
    const { shards } = cluster.status();
    assert.is(shards.length, 4);
    for (const { shard, leader } of shards) assert.is(leader, shard % 3);
  }));

test('what was acknowledged is there after close and reopen', async () => {
  const options = { directory: join(root, 'data') };
  await withCluster(options, async (cluster) => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => cluster.propose(key(i), kv.put(key(i), `kept ${i}`))));
  });
  await withCluster(options, async (cluster) => {
    for (let i = 0; i < 100; i += 1) assert.is(await textUnder(cluster, key(i)), `kept ${i}`);
    assert.ok(cluster.status().workers.every(({ recoveredRecords }) => recoveredRecords > 0));
  });
});

for (const durability of ['auto', 'fs', 'memory'] as const) {
  test(`a leader's worker dies under load (${durability}): everything is applied exactly once`, () => {
    const place = durability === 'memory' ? MEMORY : { directory: join(root, 'data'), durability };
    return withCluster({ ...place, machine: 'counter', shards: 2 }, async (cluster) => {
      const restarted = new Promise((resolve) => cluster.once('restart', resolve));
      const proposals: Promise<Uint8Array>[] = [];
      for (let i = 0; i < 2000; i += 1) {
        proposals.push(cluster.propose(key(i & 1), one));
        if (i === 1000) cluster.terminateWorker(cluster.status().shards[0]!.leader, 0);
        if (i % 100 === 0) await proposals[i];
      }
      await Promise.all(proposals);
      const shards = new Set([key(0), key(1)].map((name) => cluster.shardOf(name)));
      const sums = await Promise.all([key(0), key(1)].map((name) => cluster.read(name, one)));
      const expected = shards.size === 2 ? [1000, 1000] : [2000, 2000];
      assert.equal(sums.map(wordOf), expected);
      await restarted;
    });
  });
}

test('a lane carries commands without promises, in order', () =>
  withCluster({ ...MEMORY, machine: 'counter' }, async (cluster) => {
    const lane = cluster.lane('account-7');
    const replies: number[] = [];
    const onCompleted = (number: number, status: number, bytes: Uint8Array, offset: number): void => {
      assert.equal([number, status], [replies.length + 1, 0]);
      replies.push(new DataView(bytes.buffer, offset).getInt32(0, true));
    };
    let sent = 0;
    while (replies.length < 5000) {
      for (let at = sent < 5000 ? lane.claim(8) : -1; at >= 0; at = sent < 5000 ? lane.claim(8) : -1) {
        lane.words[at >> 2] = 1;
        lane.words[(at >> 2) + 1] = 0;
        sent += 1;
      }
      lane.publish();
      if (lane.poll(onCompleted, 1000) === 0) await lane.wait();
    }
    assert.equal(
      replies,
      Array.from({ length: 5000 }, (_, i) => i + 1),
    );
    lane.close();
  }));

test('any number of workers hosts the shards', async () => {
  for (const workers of [2, 'per-group'] as const) {
    await withCluster({ ...MEMORY, workers, shards: 3, machine: 'counter' }, async (cluster) => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => cluster.propose(key(i), one)));
      assert.is(cluster.status().workers.length, 3 * (workers === 2 ? 2 : 3));
    });
  }
});

test('leadership goes where it is transferred to', () =>
  withCluster({ ...MEMORY, shards: 1, machine: 'counter' }, async (cluster) => {
    await cluster.propose('a', one);
    const led = new Promise<number>((resolve) =>
      cluster.on('leader', ({ replica }) => replica === 2 && resolve(replica)),
    );
    cluster.transferLeadership(0, 2);
    assert.is(await led, 2);
    assert.is(wordOf(await cluster.propose('a', one)), 2);
  }));

test('a replica answers inspections of its own machine', () =>
  withCluster({ ...MEMORY, shards: 1, machine: 'counter' }, async (cluster) => {
    await cluster.propose('a', one);
    const { applied, reply } = await cluster.inspect(0, cluster.status().shards[0]!.leader, one);
    assert.ok(applied > 0);
    assert.is(wordOf(reply), 1);
  }));

test('a machine that throws stops its shard with that error; others go on', () =>
  withCluster({ ...MEMORY, machine: machine('throwing'), shards: 2 }, async (cluster) => {
    const names = [0, 1].map(
      (shard) => Array.from({ length: 20 }, (_, i) => key(i)).find((name) => cluster.shardOf(name) === shard)!,
    );
    const error = await failure(cluster.propose(names[0]!, Uint8Array.of(13)));
    assert.is(error.code, 'ERR_SYNOD_MACHINE_FAILED');
    assert.match(error.message, /shard 0, replica \d, slot \d/);
    assert.is(await codeOf(cluster.propose(names[0]!, Uint8Array.of(1))), 'ERR_SYNOD_MACHINE_FAILED');
    assert.is(wordOf(await cluster.propose(names[1]!, Uint8Array.of(1))), 1);
  }));

test('a machine that is not deterministic is found out, with replica and slot', () =>
  withCluster({ ...MEMORY, machine: machine('own-mind'), shards: 1 }, async (cluster) => {
    let found: SynodError | undefined;
    while (found === undefined)
      found = await cluster.propose('a', one).then(
        () => undefined,
        (error: SynodError) => error,
      );
    assert.is(found.code, 'ERR_SYNOD_NONDETERMINISTIC');
    assert.match(found.message, /shard 0, replica \d, at or below slot \d/);
  }));

test('bad options and modules are typed errors', async () => {
  assert.is(await codeOf(openCluster({ ...MEMORY, replicas: 2 })), 'ERR_SYNOD_CONFIG');
  assert.is(await codeOf(openCluster({ ...MEMORY, machine: machine('missing') })), 'ERR_SYNOD_MACHINE_MODULE');
});

test('a directory of another shape, or in use, is refused', async () => {
  const directory = join(root, 'data');
  await withCluster({ directory, shards: 2 }, async () => {
    assert.is(await codeOf(openCluster({ directory, shards: 2 })), 'ERR_SYNOD_DIRECTORY_LOCKED');
  });
  assert.is(await codeOf(openCluster({ directory, shards: 4 })), 'ERR_SYNOD_DIRECTORY_MISMATCH');
  await withCluster({ directory, shards: 2 }, async () => {});
});

test('a closed cluster refuses calls, and closing again is nothing', async () => {
  const cluster = await openCluster(MEMORY);
  await cluster.propose('a', kv.put('a', 'b'));
  await cluster.close();
  await cluster.close();
  assert.is(await codeOf(cluster.propose('a', kv.put('a', 'c'))), 'ERR_SYNOD_CLOSED');
});

test.run();
