/**
 * Frames between two nodes, by what carries them: 64 B and 64 KiB, round trip and stream, next to a bare socket and a bare ring.
 *
 *   this process: rings, transport worker ══ tcp, tls, shm, rdma ══ transport worker, rings: bench/transport-peer, a process
 *
 * Both ends poll. `unbatched` gives the transport one frame per turn; a stream gives it what the rings hold. The memory transport has
 * both ends on one thread: the instructions without the cores.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Histogram } from '../src/base/histogram.ts';
import { makeCertificates } from '../src/cli/cert.ts';
import { loadNative, type NativeBinding } from '../src/native-binding.ts';
import { type BenchCase, type Subject, windowed } from './harness.ts';
import { hasFabric } from './has-fabric.ts';
import type { Figures } from './row.ts';
import { memoryRoundTrips, memoryStream } from './transport-memory.ts';
import { BenchNode, type Carrier, nextTurn } from './transport-node.ts';
import { ANSWER_BIT, type PeerCommand } from './transport-peer.ts';

const PEER = fileURLToPath(new URL(`./transport-peer${extname(import.meta.url)}`, import.meta.url));
const SIZES = [64, 64 * 1024];
const FRAME_HEADER = 64;
const ROUND_TRIPS = 200;
const RAW_ROUNDS = 20_000;
/** Bytes of a stream's window, and its frames at most. */
const WINDOW_BYTES = 1 << 25;
const WINDOW_FRAMES = 20_000;

/** Rates of this run by case, for ratios of later cases to earlier ones. */
const rates = new Map<string, number>();

/** Carriers of this node and of the peer; files go into the directory. */
type MakeCarriers = (directory: () => string) => Promise<readonly [Carrier, Carrier]>;

function plain(transport: Carrier['transport'], provider: Carrier['provider'] = 'auto'): MakeCarriers {
  const carrier: Carrier = { transport, provider, tls: undefined };
  return async () => [carrier, carrier];
}

const tls: MakeCarriers = async (directory) => {
  const { ca, nodes } = await makeCertificates(directory(), [1, 2]);
  const carrier = (index: number): Carrier => {
    const { certificate, key } = nodes[index] as (typeof nodes)[number];
    return { transport: 'tcp', provider: 'auto', tls: { ca, certificate, key, revoked: '', clusterName: '' } };
  };
  return [carrier(0), carrier(1)];
};

const CARRIERS: readonly [name: string, make: MakeCarriers][] = [
  ['tcp', plain('tcp')],
  ['tls', tls],
  ['shm', plain('shm')],
  ['rdma-tcp', plain('rdma', 'tcp')],
  ['rdma-shm', plain('rdma', 'shm')],
];

export function transportCases(): BenchCase[] {
  const { binding } = loadNative('auto');
  return SIZES.flatMap((size) => [
    rawRing(binding, size),
    windowed('transport', `socket-round-trip-${name(size)}`, () => socketRoundTrip(size)),
    windowed('transport', `socket-stream-${name(size)}`, () => socketStream(size)),
    windowed('transport', `memory-round-trip-${name(size)}`, () => memoryRoundTrips(size)),
    windowed('transport', `memory-stream-${name(size)}`, () => memoryStream(size)),
    withPeer(`tcp-unbatched-${name(size)}`, plain('tcp'), (world) => stream('tcp', world, size, true)),
    ...CARRIERS.flatMap(([carrier, make]) => [
      withPeer(`${carrier}-round-trip-${name(size)}`, make, (world) => roundTrip(carrier, world, size)),
      withPeer(`${carrier}-stream-${name(size)}`, make, (world) => stream(carrier, world, size, false)),
    ]),
  ]);
}

function withPeer(caseName: string, make: MakeCarriers, subject: (world: World) => Subject): BenchCase {
  return windowed('transport', caseName, async ({ scratch }) => {
    const world = await open(await make(scratch));
    return typeof world === 'string' ? world : subject(world);
  });
}

const name = (size: number): string => (size < 1024 ? `${size}B` : `${size / 1024}KiB`);

/** The mailboxes alone: two pinned threads of the addon. */
function rawRing(binding: NativeBinding | undefined, size: number): BenchCase {
  return {
    suite: 'transport',
    name: `ring-${name(size)}`,
    async run({ settings }): Promise<Figures> {
      if (binding === undefined) return { skipped: 'no addon is loaded' };
      const rounds = settings.seconds < 1 ? 200 : RAW_ROUNDS;
      // The best of a few: a pinned thread that shares its core with others measures those.
      const best = (measure: () => number): number => Math.min(measure(), measure(), measure());
      const roundTripUs = best(() => binding.mailboxRoundTrip(size, rounds)) / 1e3;
      const nsPerBurst = best(() => binding.mailboxStream(size, rounds));
      return { operation: 'bursts', payloadBytes: size, opsPerSecond: 1e9 / nsPerBurst, roundTripUs };
    },
  };
}

/** The peer's process; resolves to it and the number that it answers first. */
async function launch(command: PeerCommand): Promise<[ChildProcess, number]> {
  const peer = fork(PEER, { execArgv: [], serialization: 'advanced' });
  peer.send(command);
  const [port] = (await once(peer, 'message')) as [number];
  return [peer, port];
}

interface World {
  node: BenchNode;
  peer: ChildProcess;
}

async function open([own, peers]: readonly [Carrier, Carrier]): Promise<World | string> {
  if (own.transport !== 'tcp' && loadNative('auto').binding === undefined) return 'no addon is loaded';
  if (own.transport === 'rdma' && !(await hasFabric(own.provider))) return 'libfabric is not installed';
  const node = new BenchNode(0, own);
  const [peer, port] = await launch({ kind: 'node', carrier: peers, port: await node.listen() });
  await node.meet(port);
  return { node, peer };
}

async function close({ node, peer }: World): Promise<void> {
  await node.close();
  peer.kill('SIGKILL');
}

function roundTrip(carrierName: string, world: World, size: number): Subject {
  const { node } = world;
  const latency = new Histogram();
  const frame = size === FRAME_HEADER ? size : size + FRAME_HEADER;
  return {
    operation: 'round trips',
    isAsync: true,
    latency,
    async window() {
      for (let round = 0; round < ROUND_TRIPS; round++) {
        const start = performance.now();
        node.offer(ANSWER_BIT | (frame / 64), frame);
        node.flush();
        let answers = 0;
        while (answers === 0) {
          await nextTurn();
          answers = node.poll(() => {});
        }
        latency.record((performance.now() - start) * 1e3);
      }
      return ROUND_TRIPS;
    },
    figures: () => ({ transport: carrierName, payloadBytes: size, provider: node.link.provider }),
    close: () => close(world),
  };
}

function stream(carrierName: string, world: World, size: number, isUnbatched: boolean): Subject {
  const { node } = world;
  const frame = size === FRAME_HEADER ? size : size + FRAME_HEADER;
  const count = Math.ceil(Math.min(WINDOW_FRAMES, WINDOW_BYTES / frame) / (isUnbatched ? 10 : 1));
  return {
    operation: 'frames',
    isAsync: true,
    async window() {
      for (let sent = 0; sent < count; ) {
        // The last frame of a window is answered.
        while (sent < count && node.offer(sent >= count - 1 ? ANSWER_BIT | 1 : 0, frame)) {
          sent += 1;
          if (isUnbatched) break;
        }
        node.flush();
        await nextTurn();
      }
      while (node.poll(() => {}) === 0) await nextTurn();
      return count;
    },
    figures: (frames, seconds) => {
      const { bytesOut, burstsOut, provider } = node.link;
      const bytesPerBurst = bytesOut / Math.max(burstsOut, 1);
      return { ...ratios(carrierName, size, frames / seconds, isUnbatched), bytesPerBurst, provider };
    },
    close: () => close(world),
  };
}

/** A stream's rate beside those of tcp in this run. */
function ratios(carrierName: string, size: number, rate: number, isUnbatched: boolean): Figures {
  rates.set(`${carrierName}-${isUnbatched ? 'unbatched' : 'stream'}-${size}`, rate);
  const over = (other: string): number | null => {
    const base = rates.get(`${other}-${size}`);
    return base === undefined ? null : rate / base;
  };
  return {
    transport: carrierName,
    payloadBytes: size,
    bytesPerSecond: rate * size,
    timesSocket: over('socket-stream'),
    timesTcp: over('tcp-stream'),
    timesTcpUnbatched: over('tcp-unbatched'),
  };
}

async function openSocket(): Promise<[ChildProcess, Socket]> {
  const [peer, port] = await launch({ kind: 'echo' });
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  return [peer, socket];
}

function message(size: number, answer: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeInt32LE(size, 0);
  bytes.writeInt32LE(answer, 4);
  return bytes;
}

/** Resolves when `size` bytes have come. */
function received(socket: Socket, size: number): Promise<void> {
  return new Promise((resolve) => {
    let left = size;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
  });
}

async function socketRoundTrip(size: number): Promise<Subject> {
  const [peer, socket] = await openSocket();
  const latency = new Histogram();
  const question = message(size, size);
  return {
    operation: 'round trips',
    isAsync: true,
    latency,
    async window() {
      for (let round = 0; round < ROUND_TRIPS; round++) {
        const start = performance.now();
        const answer = received(socket, size);
        socket.write(question);
        await answer;
        latency.record((performance.now() - start) * 1e3);
      }
      return ROUND_TRIPS;
    },
    figures: () => ({ payloadBytes: size }),
    async close() {
      socket.destroy();
      peer.kill('SIGKILL');
    },
  };
}

/** Messages joined into writes of 64 KiB: what a socket gives who batches. */
async function socketStream(size: number): Promise<Subject> {
  const [peer, socket] = await openSocket();
  const count = Math.min(WINDOW_FRAMES, Math.ceil(WINDOW_BYTES / size));
  const perWrite = Math.max(1, Math.floor(65_536 / size));
  const writes = Math.ceil(count / perWrite);
  const quiet = Buffer.concat(Array.from({ length: perWrite }, () => message(size, 0)));
  const last = Buffer.from(quiet);
  last.writeInt32LE(64, (perWrite - 1) * size + 4);
  return {
    operation: 'messages',
    isAsync: true,
    async window() {
      const answer = received(socket, 64);
      for (let write = 1; write <= writes; write++) {
        if (!socket.write(write === writes ? last : quiet)) await once(socket, 'drain');
      }
      await answer;
      return writes * perWrite;
    },
    figures: (messages, seconds) => {
      rates.set(`socket-stream-${size}`, messages / seconds);
      return { payloadBytes: size, bytesPerSecond: (messages * size) / seconds };
    },
    async close() {
      socket.destroy();
      peer.kill('SIGKILL');
    },
  };
}
