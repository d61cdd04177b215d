/**
 * Loads the native addon and types its surface. Without it everything runs on the portable paths, slower, and says so.
 *
 *   native/build/<platform>-<arch>.node → prebuilds/<platform>-<arch>.node → undefined
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SynodError } from './base/errors.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, LOG_SPARE_SEGMENTS_MAX, SUBMISSIONS_IN_FLIGHT_MAX } from './limits.ts';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE } from './memory/descriptor.ts';

/** Changes with the functions that the addon exports. */
const ABI = 7;

/** Constants that the addon is compiled with: native/generate-layout writes them into its header. */
export const NATIVE_LAYOUT: Readonly<Record<string, number>> = {
  LOG_BLOCK_BYTES,
  LOG_SEGMENT_BYTES,
  LOG_SPARE_SEGMENTS_MAX,
  SUBMISSIONS_IN_FLIGHT_MAX,
  DOORBELL_AWAKE,
  DOORBELL_ASLEEP,
};

export interface PathProbe {
  /** O_DIRECT works there. */
  direct: boolean;
  /** MAP_SYNC works there: stores that leave the caches are durable. */
  dax: boolean;
  /** tmpfs or ramfs: nothing on it survives a power cut. */
  volatile: boolean;
  freeBytes: number;
}

/** States of a link between processes. */
export const NATIVE_LINK_UP = 2;
export const NATIVE_LINK_CLOSED = 3;

/** What a peer on this host needs to map the mailbox of a shared-memory link. */
export interface SharedMailbox {
  pid: number;
  fd: number;
  capacity: number;
  nonce: Uint8Array;
}

export interface FabricStatus {
  state: 'opening' | 'ready' | 'failed';
  /** Why it failed. */
  why: string;
  provider?: string;
  /** Endpoints are connected; others only name their peer. */
  connections?: boolean;
  /** Arrivals are announced by remote completion data. */
  doorbell?: boolean;
  fence?: 'proven' | 'untested';
  mrMode?: number;
}

/** Links between processes; see native/src/mailbox. No call waits. `onWake` comes on the event loop of the thread that gave it. */
export interface LinkBinding {
  /** 1 taken, 0 no room. The bytes stay as they are until `linkReleased` counts the burst. */
  linkSend(link: number, id: number, offset: number, length: number, tag: number): number;
  /** 1 when a burst of `length` finds room; 0: it does not, and the waker calls when it does. */
  linkHasRoom(link: number, length: number): number;
  /** Bytes of whole bursts put into the region, each behind 64 bytes {length, tag}. */
  linkPoll(link: number, id: number, offset: number, size: number): number;
  /** Bursts sent whose bytes may be overwritten, counted from the start. */
  linkReleased(link: number): number;
  /** True: nothing is to be done, and the waker will call once when that changes. */
  linkArm(link: number): boolean;
  linkState(link: number): number;
  linkReason(link: number): number;
  linkClose(link: number): void;
  /** Tests: overwrites bytes of the peer's mailbox from outside. */
  linkScribble(link: number, offset: number, bytes: Uint8Array): number;
  shmOpen(capacity: number, spinNs: number): number;
  shmDescribe(link: number): SharedMailbox | number;
  shmAttach(link: number, pid: number, fd: number, nonce: Uint8Array, capacity: number, onWake?: () => void): number;
  /** Opens on a thread of its own; `onChange` when it is ready or has failed. */
  fabricOpen(provider: string, address: string, onChange: () => void): number;
  fabricStatus(domain: number): FabricStatus;
  fabricClose(domain: number): void;
  fabricLink(domain: number, capacity: number, onWake?: () => void): number;
  fabricOffer(link: number): Uint8Array | number;
  fabricMeet(link: number, offer: Uint8Array, isDialer: boolean): number;
  /** Nothing of the peer lands here any more; what landed can still be looked at. */
  fabricFence(link: number): number;
  /** Tests: the mailbox's bytes as they are. */
  fabricPeek(link: number, offset: number, target: Uint8Array): number;
  /** Bench: nanoseconds of a round trip, and per burst of a stream, between two pinned threads that poll bare mailboxes. */
  mailboxRoundTrip(length: number, rounds: number): number;
  mailboxStream(length: number, bursts: number): number;
}

/** What the addon exports; results below 0 are -errno. Memory is named by the id that `attach` gave in this thread. */
export interface NativeBinding extends LinkBinding {
  abi(): number;
  /** `layoutVersion` of the constants that it was compiled with. */
  layoutVersion(): number;
  attach(view: Uint8Array): number;
  detach(id: number): void;
  copy(source: number, sourceOffset: number, target: number, targetOffset: number, size: number): void;
  crc32c(id: number, offset: number, length: number, seed: number): number;
  /** 0 woken, 1 timed out, 2 the word differed. */
  park(id: number, word: number, expected: number, timeoutUs: number): number;
  wake(id: number, word: number, count: number): void;
  /** Monotonic milliseconds into Float64 `index` of the region. */
  clockMs(id: number, index: number): void;
  adviseHuge(id: number): void;
  probePath(path: string): PathProbe;
  /** `mayUseRing`: io_uring, where the kernel permits it. */
  logOpen(directory: string, mode: 'dax' | 'direct' | 'buffered', mayUseRing: boolean): number;
  /** How bytes reach the medium, for people. */
  logMeans(log: number): string;
  logAttach(log: number, chunk: number, id: number): number;
  logBind(log: number, id: number, durableWord: number, errorWord: number, doorbellWord: number): number;
  logOpenSegment(log: number, base: number, header: Uint8Array): number;
  /** 0 once the segment is open, -EAGAIN while a thread is at it: ask again; the doorbell rings at the end. */
  logOpenAhead(log: number, base: number, header: Uint8Array): number;
  /** The segment's file may be used again. */
  logRetire(log: number, base: number): void;
  logSubmit(log: number, chunk: number, offset: number, size: number, segment: number, alone: boolean): number;
  logRead(log: number, position: number, target: Uint8Array, offset: number, size: number): number;
  /** Begins to write [from, end) of a file where no log of the process is busy. 0 or -errno. */
  imageBegin(path: string, from: number, end: number): number;
  /** Blocks until [from, end) is written, giving way to the logs of the process unless it is urgent; a flush of the file comes last. 0 or -errno. */
  imageFlush(path: string, from: number, end: number, isUrgent: boolean): number;
  /** Waits until nothing is in flight, then closes; idempotent. */
  logClose(log: number): void;
  /** The same for the log that some thread of this process left open in a directory. */
  logCloseDirectory(directory: string): void;
}

export interface NativeLoad {
  binding: NativeBinding | undefined;
  /** Why there is none, or which file was loaded. */
  reason: string;
}

/** Loads the addon once per thread. With 'required' its absence is ERR_SYNOD_CONFIG. */
export function loadNative(mode: 'auto' | 'required' | 'off'): NativeLoad {
  if (mode === 'off') return { binding: undefined, reason: 'switched off' };
  const load = tryLoad();
  if (load.binding === undefined && mode === 'required') {
    throw new SynodError(
      'ERR_SYNOD_CONFIG',
      `native: 'required', but the addon cannot be loaded (${load.reason}): run npm run build with a C++17 compiler, or use 'auto'.`,
    );
  }
  return load;
}

function tryLoad(): NativeLoad {
  const root = packageRoot();
  const name = `${process.platform}-${process.arch}.node`;
  const require = createRequire(import.meta.url);
  let reason = 'not built';
  for (const file of [join(root, 'native', 'build', name), join(root, 'prebuilds', name)]) {
    if (!existsSync(file)) continue;
    try {
      const binding = require(file) as NativeBinding;
      const mismatch = mismatchOf(binding);
      if (mismatch === '') return { binding, reason: file };
      reason = `${file} ${mismatch}: build it anew`;
    } catch (error) {
      reason = String(error);
    }
  }
  return { binding: undefined, reason };
}

/** What keeps an addon that loads from being used; '' when nothing does. */
export function mismatchOf(binding: Pick<NativeBinding, 'abi' | 'layoutVersion'>): string {
  const abi = binding.abi();
  if (abi !== ABI) return `has ABI ${abi}, ${ABI} is needed`;
  return binding.layoutVersion() === layoutVersion(NATIVE_LAYOUT) ? '' : 'was compiled with other constants';
}

/** A positive number that tells layouts apart: FNV-1a over names and values. */
export function layoutVersion(layout: Readonly<Record<string, number>>): number {
  let hash = 0x811c9dc5;
  for (const [name, value] of Object.entries(layout))
    for (const byte of Buffer.from(`${name}=${value};`)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash & 0x7fffffff;
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}
