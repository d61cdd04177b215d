/**
 * The process that is killed: opens the cluster, tells what every counter holds, then increments each without end and tells every
 * acknowledgement before it asks for the next. Lines on standard output, written synchronously: what was told was acknowledged.
 *
 *   open │ value <key> <number> … │ ready │ ack <key> <number> …
 */
import { writeSync } from 'node:fs';
import { kv, openCluster } from '../../src/index.ts';
import { type ChildTask, SHARDS } from './kill9.ts';

const NOBODY_STORES_HERE = new Int32Array(new SharedArrayBuffer(4));
const task = JSON.parse(process.argv[2] as string) as ChildTask;
const cluster = await openCluster({
  directory: task.directory,
  replicas: 3,
  shards: SHARDS,
  durability: task.durability,
  snapshotLogBytes: task.snapshotLogBytes,
});
for (const key of task.keys) {
  const { number, status } = kv.decodeReply(await cluster.read(key, kv.get(key)));
  tell(`value ${key} ${status === 'notFound' ? 0 : number}`);
}
tell('ready');
await Promise.all(task.keys.map((key) => increment(key)));

async function increment(key: string): Promise<void> {
  for (;;) {
    const { number } = kv.decodeReply(await cluster.propose(key, kv.increment(key)));
    tell(`ack ${key} ${number}`);
  }
}

/** Whole, or the process is gone: a pipe that is full for a moment is asked again. */
function tell(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(NOBODY_STORES_HERE, 0, 0, 1);
    }
  }
}
