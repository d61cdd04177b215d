/**
 * `npm run test:guest [-- rdma|dax]`: suites that need a kernel of their own, in an emulated machine: kernel verbs over soft-RoCE, and
 * persistent memory (an NVDIMM with MAP_SYNC). Apart from CI: it fetches a kernel package and takes minutes. As root it installs what
 * it needs; otherwise it says what is missing. The last line is `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GuestTask, runGuest } from './boot.ts';
import { makeInitramfs, prepareKernel } from './image.ts';

/** What a suite needs of the host, whose files the guest reads. */
const TOOLS: readonly [file: string, debianPackage: string][] = [
  ['/usr/bin/qemu-system-x86_64', 'qemu-system-x86'],
  ['/usr/bin/busybox', 'busybox-static'],
  ['/usr/bin/cpio', 'cpio'],
  ['/usr/sbin/depmod', 'kmod'],
  ['/usr/bin/rdma', 'iproute2'],
  ['/usr/lib/x86_64-linux-gnu/libfabric.so.1', 'libfabric1'],
  ['/usr/lib/x86_64-linux-gnu/libibverbs/librxe-rdmav34.so', 'ibverbs-providers'],
  ['/usr/bin/ndctl', 'ndctl'],
  ['/usr/sbin/mkfs.ext4', 'e2fsprogs'],
];
const TASKS: readonly GuestTask[] = ['rdma', 'dax'];

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.find((arg) => !TASKS.some((task) => task === arg));
  if (unknown !== undefined) throw new Error(`no such guest suite: ${unknown}; there are ${TASKS.join(' and ')}`);
  installTools();
  const directory = join(tmpdir(), 'synod-guest');
  mkdirSync(directory, { recursive: true });
  const kernel = prepareKernel(directory);
  const initramfs = makeInitramfs(directory, kernel);
  let passed = 0;
  let failed = 0;
  for (const task of TASKS.filter((name) => args.length === 0 || args.includes(name))) {
    console.log(`--- ${task}`);
    const counts = await runGuest({ task, directory, kernel, initramfs });
    passed += counts.passed;
    failed += counts.failed;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function installTools(): void {
  const missing = TOOLS.filter(([file]) => spawnSync('test', ['-e', file]).status !== 0).map(([, name]) => name);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`the guest needs packages; as root: ${command}`);
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing]);
}

function run(command: string, args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

await main(process.argv.slice(2));
