/** Sessions across kills of the client's process, which here is that of all replicas too. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCluster } from '../../src/index.ts';

const CLIENT = fileURLToPath(new URL('./session-client.js', import.meta.url));
const KILLS = 3;
const one = new Uint8Array(Int32Array.of(1, 0).buffer);

interface Said {
  resumed?: number;
  acknowledged?: number;
  value?: number;
}

let directory = '';
const test = suite('sessions');

test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-sessions-'));
});

test.after.each(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Runs a client; `onLine` may kill it. Resolves with what it said when it is gone. */
function run(task: string, onLine: (said: Said, child: ChildProcess) => void): Promise<Said[]> {
  const child = spawn(process.execPath, [CLIENT, join(directory, 'data'), join(directory, 'token'), task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Said[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const said = JSON.parse(line) as Said;
    lines.push(said);
    onLine(said, child);
  });
  return new Promise((resolve) => child.on('close', () => resolve(lines)));
}

test('a client that is killed again and again goes on where it was: nothing twice, nothing lost', async () => {
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const begun = acknowledged;
    const lines = await run('run', (said, child) => {
      if ((said.acknowledged ?? 0) >= begun + 40) child.kill('SIGKILL');
    });
    const resumed = lines[0]?.resumed ?? -1;
    assert.ok(resumed >= acknowledged, `resumed at ${resumed}, ${acknowledged} were acknowledged`);
    for (const said of lines) acknowledged = Math.max(acknowledged, said.acknowledged ?? 0);
  }
  const [first, last] = await run('stop', () => {});
  assert.ok((first?.resumed ?? 0) >= acknowledged);
  assert.is(last?.value, first?.resumed, 'every number of the session was applied once');
});

test('lanes that are closed make room for others, and a session is there when its client comes back', async () => {
  const cluster = await openCluster({ durability: 'memory', memoryLogBytes: 1 << 26, shards: 1, machine: 'counter' });
  const token = await cluster.session({ key: 'a' }).then((session) => {
    session.detach();
    return session.token;
  });
  for (let n = 0; n < 70; n++) {
    const lane = cluster.lane('a');
    for (; !lane.isOpen; await lane.wait()) lane.poll(() => {}, 1);
    lane.close();
  }
  await cluster.propose('a', one);
  const again = await cluster.session({ token });
  assert.is(again.lastApplied, 0);
  await cluster.close();
});

test.run();
