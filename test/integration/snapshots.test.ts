/** A log that does not grow for ever: snapshots, truncation, starting behind them, and catching up by a peer's. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SnapshotStatus } from '../../src/engine/status.ts';
import { type Cluster, type ClusterOptions, kv, openCluster } from '../../src/index.ts';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';

const SEGMENTS = 6;
const VALUE = new Uint8Array(60_000).fill(7);
const KEYS = 40;

const test = suite('snapshots');
let root = '';
let warnings: string[] = [];

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-snapshots-'));
  warnings = [];
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

const options = (): ClusterOptions => ({
  directory: join(root, 'data'),
  shards: 2,
  snapshotLogBytes: LOG_SEGMENT_BYTES,
  logger: {
    debug: () => {},
    info: () => {},
    warn: (_fields: unknown, text?: string) => void warnings.push(String(text)),
    error: () => {},
  },
});
/** Without the files of segments that were given back and wait to be used again. */
const filesOf = (replica: number, folder: string): string[] =>
  readdirSync(join(root, 'data', `replica-${replica}`, folder)).filter((name) => !name.startsWith('spare-'));

/** Writes as much as fills the segments, over few keys. */
async function fill(cluster: Cluster, round: number): Promise<void> {
  const count = Math.ceil((SEGMENTS * LOG_SEGMENT_BYTES) / VALUE.length);
  for (let from = 0; from < count; from += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const value = VALUE.slice();
        value[0] = round;
        return cluster.propose(`key-${(from + i) % KEYS}`, kv.put(`key-${(from + i) % KEYS}`, value));
      }),
    );
  }
}

async function expectRound(cluster: Cluster, round: number): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    const { value } = kv.decodeReply(await cluster.read(`key-${i}`, kv.get(`key-${i}`)));
    assert.is(value?.length, VALUE.length);
    assert.is(value?.[0], round);
  }
}

/** Reads until every replica is a voting one that applied the same. */
async function whole(cluster: Cluster): Promise<void> {
  for (;;) {
    const isWhole = cluster.status().shards.every(({ replicas }) =>
      replicas.every(({ role, appliedWatermark, digest }) => {
        const isSame = appliedWatermark === replicas[0]?.appliedWatermark && digest === replicas[0]?.digest;
        return role !== 'rejoining' && isSame;
      }),
    );
    if (isWhole) return;
    await cluster.read('key-0', kv.get('key-0'));
  }
}

test('the log is given back behind snapshots, and a start goes on from them', async () => {
  const first = await openCluster(options());
  await fill(first, 1);
  await whole(first);
  // Giving back waits for two snapshots of both shards, and for whoever lags; as commands go on there are more.
  const value = VALUE.slice();
  value[0] = 1;
  while ([0, 1, 2].some((replica) => filesOf(replica, 'log-0').length >= SEGMENTS))
    await first.propose('key-0', kv.put('key-0', value));
  await whole(first);
  for (const { replicas } of first.status().shards)
    for (const { snapshot } of replicas) {
      assert.ok(snapshot.taken >= 2 && snapshot.watermark > 0 && snapshot.bytes > 0 && snapshot.ageMs >= 0);
      assert.equal([snapshot.failures, snapshot.error], [0, undefined]);
      assert.ok(snapshot.diskBytes >= 2 * snapshot.bytes - KEYS * VALUE.length);
    }
  for (const { logKeptBytes, logBytes } of first.status().workers) assert.ok(logKeptBytes < logBytes);
  await first.close();
  for (const replica of [0, 1, 2]) {
    assert.ok(filesOf(replica, 'snapshots/group-0').length > 0);
    assert.ok(filesOf(replica, 'snapshots/group-0').length <= 3);
  }
  const second = await openCluster(options());
  await whole(second);
  await expectRound(second, 1);
  await second.close();
  assert.equal(warnings, []);
});

test('a snapshot is taken when asked for', async () => {
  const cluster = await openCluster({ ...options(), snapshotLogBytes: 0 });
  for (let i = 0; i < KEYS; i++) await cluster.propose(`key-${i}`, kv.put(`key-${i}`, VALUE));
  const folders = [0, 1].flatMap((shard) => [0, 1, 2].map((replica) => [replica, `snapshots/group-${shard}`] as const));
  const isThere = ([replica, folder]: readonly [number, string]): boolean =>
    existsSync(join(root, 'data', `replica-${replica}`, folder)) &&
    filesOf(replica, folder).some((name) => name.endsWith('.snap'));
  for (const shard of [0, 1]) cluster.snapshot(shard);
  for (let i = 0; !folders.every(isThere); i++) await cluster.read(`key-${i % KEYS}`, kv.get(`key-${i % KEYS}`));
  assert.throws(() => cluster.snapshot(9), /no replica/);
  await cluster.close();
});

test('a snapshot that fails is a warning with its reason and a figure; commands go on, and the next one may succeed', async () => {
  const cluster = await openCluster({ ...options(), shards: 1, snapshotLogBytes: 0 });
  const snapshotOf = () => cluster.status().shards[0]?.replicas[0]?.snapshot as SnapshotStatus;
  const inTheWay = join(root, 'data', 'replica-0', 'snapshots');
  rmSync(inTheWay, { recursive: true, force: true });
  writeFileSync(inTheWay, '');
  await cluster.propose('key-0', kv.put('key-0', VALUE));
  cluster.snapshot(0);
  for (let i = 0; snapshotOf().failures === 0; i++) await cluster.propose('key-0', kv.put('key-0', `${i}`));
  assert.match(snapshotOf().error ?? '', /ENOTDIR|EEXIST|cannot be read/);
  while (warnings.length === 0) await cluster.read('key-0', kv.get('key-0'));
  assert.match(warnings[0] ?? '', /A snapshot of shard 0 failed: .*The log is kept, and another try follows/);
  rmSync(inTheWay);
  cluster.snapshot(0);
  while (snapshotOf().taken === 0) await cluster.propose('key-0', kv.put('key-0', 'x'));
  assert.is(snapshotOf().error, undefined);
  await cluster.close();
});

test('a replica that lost everything behind a truncated log comes back by a snapshot of a peer', async () => {
  const first = await openCluster(options());
  await fill(first, 1);
  await first.close();
  rmSync(join(root, 'data', 'replica-1'), { recursive: true });
  const second = await openCluster({ ...options(), lostReplicas: 'rejoin' });
  await fill(second, 2);
  await whole(second);
  await expectRound(second, 2);
  await second.close();
  const third = await openCluster(options());
  await whole(third);
  await expectRound(third, 2);
  await third.close();
});

test.run();
