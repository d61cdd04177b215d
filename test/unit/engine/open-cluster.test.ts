/** Opening succeeds as a whole or leaves nothing behind: no lock, no thread, no half-made directory. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import type { ClusterOptions, Logger } from '../../../src/config.ts';
import { openCluster } from '../../../src/engine/open-cluster.ts';
import { kv } from '../../../src/machines/kv-commands.ts';

const test = suite('open-cluster');
let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-open-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

const data = (): string => join(root, 'data');

async function codeOf(options: ClusterOptions): Promise<string> {
  try {
    await (await openCluster(options)).close();
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
  return 'opened';
}

test('options and machine are checked before anything is made', async () => {
  assert.is(await codeOf({ directory: data(), shards: 0 }), 'ERR_SYNOD_CONFIG');
  assert.is(await codeOf({ directory: data(), machine: join(root, 'none.js') }), 'ERR_SYNOD_MACHINE_MODULE');
  assert.not(existsSync(data()));
});

test('when a worker cannot start, its own error comes back and the directory is free again', async () => {
  const refused = { directory: data(), shards: 1, durability: 'direct', native: 'off' } as const;
  assert.is(await codeOf(refused), 'ERR_SYNOD_DURABILITY');
  assert.not(existsSync(join(data(), 'lock')));
  assert.is(await codeOf({ ...refused, durability: 'fs' }), 'opened');
});

test('every shard has a leader when it is open', async () => {
  const cluster = await openCluster({ durability: 'memory', memoryLogBytes: 1 << 25, replicas: 1, shards: 5 });
  assert.ok(cluster.status().shards.every(({ leader }) => leader === 0));
  await cluster.close();
});

test('more workers than logs have nothing to do, and that is told', async () => {
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, error() {}, warn: (_, message) => warnings.push(message) };
  const options = { directory: data(), replicas: 1, shards: 4, durability: 'fs', logger } as const;
  const first = await openCluster({ ...options, workers: 2 });
  assert.is(first.status().workers.length, 2);
  await first.close();
  assert.equal(warnings, []);
  const second = await openCluster({ ...options, workers: 'per-group' });
  assert.is(second.status().workers.length, 2);
  await second.close();
  assert.match(warnings[0]!, /number of logs was fixed/);
});

test('whatever workers says at a later start, every log is hosted and everything is there', async () => {
  const options = { directory: data(), replicas: 1, shards: 5 } as const;
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  for (const [start, workers] of [3, 1, 2, 3].entries()) {
    const cluster = await openCluster({ ...options, workers });
    assert.is(cluster.status().workers.length, workers);
    for (const [index, key] of keys.entries()) {
      const before = kv.decodeReply(await cluster.read(key, kv.get(key)));
      assert.is(before.status, start === 0 ? 'notFound' : 'ok', key);
      assert.is(before.number, start === 0 ? undefined : index * start, `${key} at start ${start}`);
      await cluster.propose(key, kv.increment(key, index));
    }
    await cluster.close();
  }
});

test('a worker of several logs that dies comes back with all of them', async () => {
  const options = { directory: data(), replicas: 1, shards: 4 } as const;
  await (await openCluster({ ...options, workers: 4 })).close();
  const cluster = await openCluster({ ...options, workers: 1 });
  const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => cluster.propose(key, kv.put(key, key))));
  const restarted = once(cluster, 'restart');
  cluster.terminateWorker(0, 0);
  await restarted;
  for (const key of keys) {
    const { value } = kv.decodeReply(await cluster.read(key, kv.get(key)));
    assert.is(new TextDecoder().decode(value), key);
  }
  await cluster.close();
});

test('a volatile cluster touches no directory', async () => {
  const options = { directory: data(), durability: 'memory', memoryLogBytes: 1 << 25, replicas: 1, shards: 1 } as const;
  assert.is(await codeOf(options), 'opened');
  assert.equal(readdirSync(root), []);
});

test.run();
