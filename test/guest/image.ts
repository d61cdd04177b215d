/**
 * Kernel and first file system of the guest: Debian's kernel package is unpacked, never installed; an initramfs holds busybox, the
 * modules in the order of their needs, and a script that shows the guest the host's files, read-only under a layer of memory.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

export interface Kernel {
  image: string;
  /** The package's root, and lib/modules/<release> below it. */
  root: string;
  release: string;
}

/** What a guest loads; crc32_generic first, without which rdma_rxe fails with ENOENT. */
const MODULES: readonly string[] = [
  ...['crc32_generic', 'crc32c_generic', 'virtio_pci', '9p', '9pnet_virtio', 'overlay', 'ext4', 'dummy'],
  ...['ib_core', 'ib_uverbs', 'rdma_rxe', 'ib_cm', 'iw_cm', 'rdma_cm', 'rdma_ucm'],
  ...['libnvdimm', 'nfit', 'nd_btt', 'nd_pmem', 'dax_pmem'],
];

/** Fetches and unpacks the current kernel package once. */
export function prepareKernel(directory: string): Kernel {
  const root = join(directory, 'kernel');
  if (!existsSync(join(root, 'boot'))) {
    const name = capture('apt-cache', ['depends', 'linux-image-amd64'], directory).match(
      /Depends: (linux-image-\S+)/,
    )?.[1];
    if (name === undefined) throw new Error('apt knows no kernel package: run apt-get update');
    capture('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', name], directory);
    const archive = readdirSync(directory).find((file) => file.startsWith(name) && file.endsWith('.deb'));
    rmSync(root, { recursive: true, force: true });
    capture('dpkg', ['-x', archive ?? name, `${root}.part`], directory);
    capture('mv', [`${root}.part`, root], directory);
  }
  const image = readdirSync(join(root, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`no kernel in ${root}`);
  const release = image.slice('vmlinuz-'.length);
  if (!existsSync(join(root, 'lib/modules', release, 'modules.dep')))
    capture('depmod', ['-b', root, release], directory);
  return { image: join(root, 'boot', image), root, release };
}

export function makeInitramfs(directory: string, kernel: Kernel): string {
  const tree = join(directory, 'initramfs');
  rmSync(tree, { recursive: true, force: true });
  for (const path of ['bin', 'modules', 'proc', 'sys', 'dev', 'host', 'layer', 'all']) {
    mkdirSync(join(tree, path), { recursive: true });
  }
  copyFileSync('/usr/bin/busybox', join(tree, 'bin/busybox'));
  const modules = modulesOf(kernel);
  for (const file of modules) copyFileSync(file, join(tree, 'modules', basename(file)));
  writeFileSync(join(tree, 'init'), initScript(modules.map((file) => basename(file))));
  chmodSync(join(tree, 'init'), 0o755);
  const target = join(directory, 'initramfs.cpio');
  capture('sh', ['-c', `find . | cpio -o -H newc --quiet > ${target}`], tree);
  return target;
}

/** Files of all modules, needs before those that need them. */
function modulesOf({ root, release }: Kernel): string[] {
  const base = join(root, 'lib/modules', release);
  const lines = readFileSync(join(base, 'modules.dep'), 'utf8').trim().split('\n');
  const needs = new Map(
    lines.map((line) => {
      const [file = '', rest = ''] = line.split(':');
      return [nameOf(file), { file, needs: rest.split(' ').filter((need) => need !== '') }];
    }),
  );
  const ordered: string[] = [];
  const visit = (name: string): void => {
    const entry = needs.get(name);
    if (entry === undefined) return; // built in
    for (const need of entry.needs) visit(nameOf(need));
    const file = join(base, entry.file);
    if (!ordered.includes(file)) ordered.push(file);
  };
  for (const name of MODULES) visit(name.replaceAll('-', '_'));
  return ordered;
}

const nameOf = (file: string): string =>
  basename(file)
    .replace(/\.ko.*$/, '')
    .replaceAll('-', '_');

function initScript(modules: readonly string[]): string {
  return `#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do $bb insmod /modules/$module || echo "guest: no module $module"; done
$bb mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /host || echo "guest: no host"
$bb mount -t tmpfs layer /layer
$bb mkdir -p /layer/upper /layer/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work layer /all || echo "guest: no layer"
for at in proc sys dev; do $bb mount --move /$at /all/$at; done
$bb mkdir -p /all/dev/shm /all/dev/pts
$bb mount -t tmpfs shm /all/dev/shm
task=$($bb sed -n 's/.*guest_run=\\([^ ]*\\).*/\\1/p' /all/proc/cmdline)
PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/tmp TMPDIR=/tmp $bb chroot /all /bin/sh $task
echo "guest: exit code $?"
$bb poweroff -f
`;
}

function capture(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
