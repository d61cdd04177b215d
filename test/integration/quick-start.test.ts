/** The shell blocks of the README's quick start, run exactly as pasted, in a network of their own where the system allows that. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const RUN_MS = 100_000;
const ISOLATE = ['unshare', '--map-root-user', '--net'];

const test = suite('integration/quick-start');

let home = '';
test.before.each(() => {
  home = mkdtempSync(join(tmpdir(), 'synod-quick-'));
  mkdirSync(join(home, 'node_modules', '.bin'), { recursive: true });
  const main = join(ROOT, 'dist/src/cli/main.js');
  chmodSync(main, 0o755);
  symlinkSync(main, join(home, 'node_modules', '.bin', 'synod'));
});
test.after.each(() => rmSync(home, { recursive: true, force: true }));

/** Shell blocks of the README's section. */
function blocks(): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('\n### Three processes\n'), readme.indexOf('\n## The two commands\n'));
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] as string);
}

/** A network namespace keeps the ports of the example apart from everybody else's. */
function isolated(): string[] {
  const trial = spawnSync(ISOLATE[0] as string, [...ISOLATE.slice(1), 'ip', 'link', 'set', 'lo', 'up']);
  return trial.status === 0 ? ISOLATE : [];
}

async function paste(script: string): Promise<string> {
  const prefix = isolated();
  const words = [...prefix, 'bash', '-c', prefix.length > 0 ? `ip link set lo up\n${script}` : script];
  const env = { ...process.env, PATH: `${join(home, 'node_modules', '.bin')}:${process.env['PATH']}` };
  const shell = spawn(words[0] as string, words.slice(1), {
    cwd: home,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => endGroup(shell), RUN_MS);
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(shell, 'close')) as [number | null];
  clearTimeout(timer);
  assert.is(code, 0, output);
  return output;
}

/** The shell and every node that it started. */
function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

test('three processes: a value survives the end of a node, and the node comes back', async () => {
  const out = await paste(blocks()[0] as string);
  for (const id of [1, 2, 3])
    assert.match(out, new RegExp(`^node ${id} is open: nodes at 127\\.0\\.0\\.1:710${id}`, 'm'));
  assert.match(out, /^revision 1$/m);
  assert.match(out, /^hello$/m);
  assert.is(out.match(/^node 1 is open/gm)?.length, 2);
  assert.match(out, /^node 1 · 4 shards[\s\S]*node 1 · 4 shards/m);
});

test('three processes with certificates', async () => {
  const out = await paste(blocks()[1] as string);
  assert.match(out, /^certs\/node-3-key\.pem$/m);
  assert.match(out, /^[23] +up +tls /m, out);
  assert.match(out, /^revision 1$/m);
});

test.run();
