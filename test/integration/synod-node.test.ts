/** Nodes as processes of the command line: one line when open, exit codes, kill -9, restarts, changed settings, probes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePorts } from '../support/node-process.ts';
import { type CliResult, runCli, startCli } from '../support/run-cli.ts';

const test = suite('integration/synod-node');

interface Opened {
  child: ChildProcess;
  url: string;
  line: { node: number; pid: number; client: string; device: string; durable: boolean };
}

let home = '';
let open: Opened[] = [];
test.before.each(() => {
  home = mkdtempSync(join(tmpdir(), 'synod-node-'));
  open = [];
});
test.after.each(async () => {
  for (const { child } of open) if (child.exitCode === null && child.signalCode === null) await end(child, 'SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

/** Starts node `id` on a port of the system's choice for clients; resolves with its first line. */
async function start(id: number, ...flags: string[]): Promise<Opened> {
  const args = ['node', '--config', 'synod.yaml', '--id', `${id}`, '--directory', `node-${id}`, '--client-listen', '0'];
  const child = startCli([...args, '--json', ...flags], { directory: home });
  let text = '';
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.includes('\n')) break;
  }
  if (!text.includes('\n')) throw new Error(`node ${id} did not open: ${errors}`);
  const line = JSON.parse(text) as Opened['line'];
  const opened = { child, line, url: line.client };
  open.push(opened);
  return opened;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  return ((await exited) as [number | null])[0];
}

const cli = (nodes: Opened[], ...args: string[]): Promise<CliResult> =>
  runCli([...args, '--url', nodes.map(({ url }) => url).join(',')]);

async function writeConfig(more = ''): Promise<void> {
  const members = (await freePorts(3)).map((port, index) => `${index + 1}@127.0.0.1:${port}`);
  writeFileSync(join(home, 'synod.yaml'), `members: ${members}\nshards: 2\n${more}`);
}

test('a node tells itself in one line, and ends in order at a signal', async () => {
  await writeConfig();
  const node = await start(1, '--bootstrap');
  assert.is(node.line.node, 1);
  assert.is(node.line.pid, node.child.pid);
  assert.is(node.line.durable, node.line.device !== 'memory');
  assert.match(node.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.is(await end(node.child, 'SIGTERM'), 0);
  assert.is(await end((await start(1)).child, 'SIGINT'), 130);
});

test('an empty directory is no node unless a bootstrap says so', async () => {
  await writeConfig();
  const { code, stderr } = await runCli(['node', '--config', 'synod.yaml', '--id', '1', '--directory', 'd'], {
    directory: home,
  });
  assert.is(code, 1);
  assert.match(stderr, /ERR_SYNOD_DIRECTORY_MISMATCH: .*set bootstrap: true/);
});

test('a killed node costs nothing that was acknowledged, and comes back; probes tell how it stands', async () => {
  await writeConfig();
  const nodes = await Promise.all([1, 2, 3].map((id) => start(id, '--bootstrap', '--workers', '2')));
  const [first, second, third] = nodes as [Opened, Opened, Opened];
  assert.is((await cli([first], 'status', '--wait', '60', '--ready')).code, 0);
  for (const key of ['a', 'b', 'c']) assert.is((await cli(nodes, 'put', key, `value of ${key}`)).code, 0);
  assert.is(await end(first.child, 'SIGKILL'), null);
  const rest = [second, third];
  assert.is((await cli([second], 'status', '--wait', '60', '--ready')).code, 0);
  for (const key of ['a', 'b', 'c']) assert.is((await cli(rest, 'get', key)).stdout, `value of ${key}\n`);
  assert.is((await cli(rest, 'put', 'd', 'without node 1')).code, 0);
  const again = await start(1, '--workers', '1');
  assert.is((await cli([again], 'status', '--wait', '60', '--ready')).code, 0);
  assert.is((await cli([again, ...rest], 'get', 'd')).stdout, 'without node 1\n');
  const { workers } = JSON.parse((await cli([again], 'status', '--json')).stdout) as { workers: object[] };
  assert.is(workers.length, 1, 'one thread hosts both logs now');
  const metrics = (await cli([again], 'status', '--metrics')).stdout;
  assert.match(metrics, /^synod_shard_failed\{shard="1"\} 0$/m);
  assert.match(metrics, /^synod_link_connects_total\{node="2"\} [1-9]/m);
});

test('what a directory was made with stays: other shards are refused with what to do, workers may change', async () => {
  await writeConfig();
  assert.is(await end((await start(1, '--bootstrap', '--workers', '1')).child, 'SIGTERM'), 0);
  const args = ['node', '--config', 'synod.yaml', '--id', '1', '--directory', 'node-1', '--shards', '3'];
  const { code, stderr } = await runCli(args, { directory: home });
  assert.is(code, 1);
  assert.match(stderr, /made with 2 shards, not 3: open it with shards 2, or use another directory/);
  assert.is(await end((await start(1, '--workers', '2')).child, 'SIGTERM'), 0);
});

test('without a majority commands are refused or in doubt, never lost in silence', async () => {
  await writeConfig();
  const node = await start(1, '--bootstrap');
  assert.is((await cli([node], 'status', '--ready')).code, 5);
  const { code, stderr } = await cli([node], 'put', 'k', 'v', '--timeout', '300');
  assert.ok(code === 3 || code === 4, stderr);
  assert.is((await cli([node], 'get', 'k', '--timeout', '300')).code, 3);
  assert.is(await end(node.child, 'SIGTERM'), 0);
});

test.run();
