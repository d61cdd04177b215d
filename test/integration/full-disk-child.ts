/**
 * A cluster on a file system that somebody else fills: proposes until commands are refused, reads, makes room, proposes again; then starts anew. Prints one line of JSON.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, kv, openCluster, type SynodError } from '../../src/index.ts';

const VALUE = 'x'.repeat(60_000);
const CALLS = 8;
const TIMEOUT_MS = 30_000;

export interface FullDiskReport {
  refused: number;
  otherErrors: string[];
  readWhileFull: string;
  warnings: string[];
  downs: number;
  /** Keys acknowledged, and how many of them were there after a new start. */
  acknowledged: number;
  found: number;
}

const [root, durability] = process.argv.slice(2) as [string, 'buffered' | 'fs'];
const report: FullDiskReport = {
  refused: 0,
  otherErrors: [],
  readWhileFull: '',
  warnings: [],
  downs: 0,
  acknowledged: 0,
  found: 0,
};
const options = { directory: join(root, 'data'), replicas: 3, shards: 1, snapshotLogBytes: 0, durability };
const keys: string[] = [];
let cluster = await open();
await put(cluster, 'first');
const ballast = fill();
while (report.refused === 0 && report.otherErrors.length === 0)
  await Promise.all(Array.from({ length: CALLS }, (_, n) => put(cluster, `${keys.length}-${n}`)));
const answer = await cluster.read('first', kv.get('first'), { timeout: TIMEOUT_MS });
report.readWhileFull = kv.decodeReply(answer).status;
rmSync(ballast);
while (!(await put(cluster, 'second')) && report.otherErrors.length === 0);
await cluster.close();
cluster = await open();
for (const key of keys) {
  const reply = await cluster.read(key, kv.get(key), { timeout: TIMEOUT_MS });
  if (kv.decodeReply(reply).status === 'ok') report.found += 1;
}
await cluster.close();
report.acknowledged = keys.length;
console.log(JSON.stringify(report));

async function open(): Promise<Cluster> {
  const opened = await openCluster(options);
  opened.on('warning', (text) => report.warnings.push(text));
  opened.on('down', () => {
    report.downs += 1;
  });
  return opened;
}

/** True once it is acknowledged. */
async function put(to: Cluster, key: string): Promise<boolean> {
  try {
    await to.propose(key, kv.put(key, VALUE), { timeout: TIMEOUT_MS });
    keys.push(key);
    return true;
  } catch (error) {
    const { code } = error as SynodError;
    if (code === 'ERR_SYNOD_DISK_FULL') report.refused += 1;
    // Sent before the disk was full: it waits for room, and says honestly that it does not know.
    else if (code !== 'ERR_SYNOD_OUTCOME_UNKNOWN') report.otherErrors.push(code);
    return false;
  }
}

/** Takes all space that is left. */
function fill(): string {
  const path = join(root, 'ballast');
  const file = openSync(path, 'w');
  const block = Buffer.alloc(1 << 16, 1);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  closeSync(file);
  return path;
}
