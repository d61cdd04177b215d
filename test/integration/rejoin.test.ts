/** A replica whose log is damaged, lost or old comes back by itself, and nothing acknowledged is missing (S12, S13). */
import { cpSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cluster, type ClusterOptions, kv, openCluster } from '../../src/index.ts';
import { LOG_BLOCK_BYTES } from '../../src/limits.ts';

const COMMANDS = 120;
const test = suite('rejoin');
let root = '';
const warnings: string[] = [];

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-rejoin-'));
  warnings.length = 0;
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

const options = (): ClusterOptions => ({
  directory: join(root, 'data'),
  shards: 2,
  logger: {
    debug: () => {},
    info: () => {},
    warn: (_fields: unknown, text?: string) => void warnings.push(String(text)),
    error: () => {},
  },
});
const home = (replica: number): string => join(root, 'data', `replica-${replica}`);

async function write(cluster: Cluster, from: number): Promise<void> {
  for (let i = from; i < from + COMMANDS; i++) await cluster.propose(`key-${i}`, kv.put(`key-${i}`, `value ${i}`));
}

async function expectAll(cluster: Cluster, end: number): Promise<void> {
  for (let i = 0; i < end; i++) {
    const { value } = kv.decodeReply(await cluster.read(`key-${i}`, kv.get(`key-${i}`)));
    assert.is(new TextDecoder().decode(value), `value ${i}`);
  }
}

const roles = (cluster: Cluster, replica: number): string[] =>
  cluster.status().shards.map(({ replicas }) => replicas[replica]?.role ?? '');

/** Reads until no replica learns without voting, and all have applied the same. */
async function whole(cluster: Cluster): Promise<void> {
  for (;;) {
    const { shards } = cluster.status();
    const isWhole = shards.every(({ replicas }) =>
      replicas.every(
        ({ role, appliedWatermark }) => role !== 'rejoining' && appliedWatermark === replicas[0]?.appliedWatermark,
      ),
    );
    if (isWhole) return;
    await cluster.read('key-0', kv.get('key-0'));
  }
}

/** Flips a bit in the middle of what the replica's log holds. */
function damage(replica: number): void {
  const directory = join(home(replica), 'log-0');
  const file = join(directory, readdirSync(directory).sort()[0] as string);
  const descriptor = openSync(file, 'r+');
  const byte = new Uint8Array(1);
  const used = findEnd(descriptor, statSync(file).size);
  // In the header of the submission in the middle: every one begins at a block.
  const at = LOG_BLOCK_BYTES * Math.floor(used / 2 / LOG_BLOCK_BYTES) + 8;
  readSync(descriptor, byte, 0, 1, at);
  writeSync(descriptor, Uint8Array.of((byte[0] as number) ^ 1), 0, 1, at);
}

/** End of the bytes that are not zero, in whole blocks. */
function findEnd(descriptor: number, size: number): number {
  const bytes = new Uint8Array(size);
  readSync(descriptor, bytes, 0, size, 0);
  return bytes.findLastIndex((byte) => byte !== 0);
}

test('a bit flipped in the middle of a log: told, and repaired from the others', async () => {
  const first = await openCluster(options());
  await write(first, 0);
  await first.close();
  damage(1);
  const second = await openCluster(options());
  assert.ok(
    warnings.some((text) => /replica-1.*damaged at offset/.test(text)),
    warnings.join(),
  );
  await write(second, COMMANDS);
  await whole(second);
  await expectAll(second, 2 * COMMANDS);
  await second.close();
  // The others may be lost now, one at a time: the damaged one remembers again.
  const third = await openCluster(options());
  assert.not(roles(third, 1).includes('rejoining'));
  await expectAll(third, 2 * COMMANDS);
  await third.close();
});

test('a replica that lost its directory comes back empty, when told so', async () => {
  const first = await openCluster(options());
  await write(first, 0);
  await first.close();
  rmSync(home(0), { recursive: true });
  const second = await openCluster({ ...options(), lostReplicas: 'rejoin' });
  await whole(second);
  await expectAll(second, COMMANDS);
  await second.close();
  rmSync(home(2), { recursive: true });
  const third = await openCluster({ ...options(), lostReplicas: 'rejoin' });
  await whole(third);
  await expectAll(third, COMMANDS);
  await third.close();
});

test('an old copy of a replica is refused, or comes back as one that forgot', async () => {
  const first = await openCluster(options());
  await write(first, 0);
  await first.close();
  cpSync(home(2), join(root, 'copy'), { recursive: true });
  const second = await openCluster(options());
  await write(second, COMMANDS);
  await second.close();
  rmSync(home(2), { recursive: true });
  cpSync(join(root, 'copy'), home(2), { recursive: true });
  const refused = await openCluster(options()).then(
    () => 'opened',
    (error: Error) => error.message,
  );
  assert.match(refused, /replica-2 is an old copy/);
  const third = await openCluster({ ...options(), lostReplicas: 'rejoin' });
  await whole(third);
  await expectAll(third, 2 * COMMANDS);
  await third.close();
});

test.run();
