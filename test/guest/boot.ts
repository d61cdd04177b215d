/**
 * Runs one suite in the guest: boots, passes the guest's console on, reads the counts of its suites, and ends it in time.
 *
 * The emulator interprets (no kvm), so everything is slow and nothing may depend on time; it runs at the lowest priority.
 */
import { spawn } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Kernel } from './image.ts';

export type GuestTask = 'rdma' | 'dax';

export interface GuestRun {
  task: GuestTask;
  directory: string;
  kernel: Kernel;
  initramfs: string;
}

const SECONDS_MAX = 280;
const MEMORY = '2G';
const NVDIMM_BYTES = 512 * 1024 * 1024;
/** Address of the soft-RoCE card's network. */
const RDMA_HOST = '10.9.0.1';

/** What the guest's shell does before the suite: the device that it is about. */
const SET_UP: Record<GuestTask, string> = {
  rdma: `ip link set lo up
ip link add d0 type dummy
ip address add ${RDMA_HOST}/24 dev d0
ip link set d0 up
rdma link add rxe0 type rxe netdev d0
rdma link`,
  // Without a label area the namespace is aligned.
  dax: `ndctl create-namespace -f -e namespace0.0 --mode=fsdax --map=mem
mkfs.ext4 -q -F -b 4096 /dev/pmem0
mkdir -p /tmp/dax
mount -o dax=always /dev/pmem0 /tmp/dax
mount | grep dax`,
};

export interface Counts {
  passed: number;
  failed: number;
}

export async function runGuest({ task, directory, kernel, initramfs }: GuestRun): Promise<Counts> {
  const suite = fileURLToPath(new URL(`./${task}-suite${extname(import.meta.url)}`, import.meta.url));
  const script = join(directory, `${task}.sh`);
  writeFileSync(
    script,
    `export NO_COLOR=1\n${SET_UP[task]}\nulimit -l unlimited\n'${process.execPath}' '${suite}' ${argumentOf(task)}\n`,
  );
  const memory = join(directory, 'nvdimm');
  rmSync(memory, { force: true });
  writeFileSync(memory, '');
  truncateSync(memory, NVDIMM_BYTES);
  const machine = [
    ...['-machine', 'pc,nvdimm=on', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
    ...['-m', `${MEMORY},slots=2,maxmem=4G`, '-nic', 'none', '-no-reboot', '-nographic', '-serial', 'mon:stdio'],
    ...['-object', `memory-backend-file,id=nv,share=on,mem-path=${memory},size=${NVDIMM_BYTES}`],
    ...['-device', 'nvdimm,id=nvdimm0,memdev=nv'],
    ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
    ...['-kernel', kernel.image, '-initrd', initramfs],
    ...['-append', `console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check nowatchdog guest_run=${script}`],
  ];
  const counts = await watch(['nice', '-n', '19', 'qemu-system-x86_64', ...machine]);
  rmSync(memory, { force: true });
  return counts;
}

const argumentOf = (task: GuestTask): string => (task === 'rdma' ? RDMA_HOST : '/tmp/dax');

/** Passes on what the guest prints, and counts; a guest that says nothing at its end, or is late, has failed. */
async function watch([command = '', ...args]: readonly string[]): Promise<Counts> {
  const guest = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => guest.kill('SIGKILL'), SECONDS_MAX * 1000);
  const exited = new Promise<void>((resolve) => guest.once('exit', () => resolve()));
  let total = -1;
  let passed = 0;
  let isClean = false;
  for await (const line of createInterface({ input: guest.stdout })) {
    console.log(line);
    total = Number(/^\s*Total:\s+(\d+)/.exec(line)?.[1] ?? total);
    passed = Number(/^\s*Passed:\s+(\d+)/.exec(line)?.[1] ?? passed);
    isClean ||= line.includes('guest: exit code 0');
  }
  await exited;
  clearTimeout(timer);
  if (total < 0) return { passed: 0, failed: 1 };
  return { passed, failed: Math.max(total - passed, isClean ? 0 : 1) };
}
