/**
 * Three nodes in three processes on this machine, over TCP or TLS on loopback, shared memory or libfabric, durable logs, machine `kv`.
 *
 *   lane-*      one lane per shard kept full, at the node that leads all shards, or at one that forwards
 *   promise-*   a promise per command, 10,000 in flight
 *   lone-*      one command at a time       ratio to raw-quorum-append + a loopback round trip + four thread wakes of the same run
 *   read-*      by consistency, 1,000 in flight
 *   failover    kill -9 of the leader's process, again and again
 */
import { Histogram } from '../src/base/histogram.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import { yieldLoop } from './engine-cluster.ts';
import { DEFAULTS, type Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { hasFabric } from './has-fabric.ts';
import { LaneLoad } from './lane-load.ts';
import { LoopbackEcho } from './loopback-echo.ts';
import { failoverCase } from './nodes-failover.ts';
import { type NodesPlan, NodesUnderLoad } from './nodes-under-load.ts';
import { type Call, PromiseLoad } from './promise-load.ts';
import { RawMedium } from './raw-medium.ts';
import type { Figures } from './row.ts';

const WINDOW_MS = 50;
const TURN_MS = 4;
const NAP_MS = 0.1;
const LONE_PER_WINDOW = 16;
const READS_IN_FLIGHT = 1000;
const PROMISES_IN_FLIGHT = 10_000;
const MAJORITY = 2;
/** Client to worker, worker to transport, and the same way at the other end of the answer. */
const WAKES = 4;

const nap = new Int32Array(new SharedArrayBuffer(4));

/** What carries the frames besides sockets. */
const CARRIERS = [
  { name: 'shm', options: { transport: 'shm' }, provider: undefined },
  { name: 'rdma-tcp', options: { transport: 'rdma', rdmaProvider: 'tcp' }, provider: 'tcp' },
  { name: 'rdma-shm', options: { transport: 'rdma', rdmaProvider: 'shm' }, provider: 'shm' },
] as const;

export function nodesCases(): BenchCase[] {
  const read = (consistency: 'linearizable'): MakeCall => {
    return ({ node, queries, keys }) =>
      (next) =>
        node.read(keys[next], queries[next], { consistency });
  };
  const propose: MakeCall =
    ({ node, commands, keys }) =>
    (next) =>
      node.propose(keys[next], commands[next]);
  return [
    windowed('nodes', 'lane-tcp', (context) => laneSubject(context, { leader: 'here', options: {} })),
    windowed('nodes', 'lane-tls', (context) => laneSubject(context, { leader: 'here', options: {}, isSecret: true })),
    ...CARRIERS.map(({ name, options, provider }) =>
      windowed('nodes', `lane-${name}`, async (context) => {
        if (provider !== undefined && !(await hasFabric(provider))) return 'libfabric is not installed';
        return laneSubject(context, { leader: 'here', options });
      }),
    ),
    windowed('nodes', 'lane-forwarded', (context) => laneSubject(context, { leader: 'elsewhere', options: {} })),
    windowed('nodes', 'promise-tcp', (context) => callSubject(context, 'commands', PROMISES_IN_FLIGHT, propose)),
    windowed('nodes', 'lone-tcp', loneSubject),
    windowed('nodes', 'read-linearizable', (context) =>
      callSubject(context, 'reads', READS_IN_FLIGHT, read('linearizable')),
    ),
    failoverCase(),
  ];
}

type Variant = Pick<NodesPlan, 'leader' | 'options' | 'isSecret'>;

function open({ settings, scratch }: Context, variant: Variant): Promise<NodesUnderLoad> {
  return NodesUnderLoad.open({ settings, directory: scratch(), durability: settings.durability, ...variant });
}

function conditions(nodes: NodesUnderLoad, settings: Settings): Figures {
  const { workers, links } = nodes.node.status();
  return {
    replicas: 3,
    shards: settings.shards,
    workers: settings.workers,
    payloadBytes: settings.payload,
    keys: settings.keys,
    machine: 'kv',
    transport: links[0]?.transport,
    device: workers[0]?.device,
    durable: workers.every(({ durable }) => durable),
    durability: settings.durability,
  };
}

async function laneSubject(context: Context, variant: Variant): Promise<Subject> {
  const { settings } = context;
  const latency = new Histogram();
  const nodes = await open(context, variant);
  const perLane = Math.max(1, Math.floor(settings.inFlight / settings.shards));
  const loads = nodes.tables.map((table) => new LaneLoad(nodes.node.lane(table.firstKey), table, perLane, latency));
  const completed = (): number => loads.reduce((sum, load) => sum + load.acknowledged + load.refused, 0);
  const drive = async (ms: number): Promise<number> => {
    const before = completed();
    const end = performance.now() + ms;
    while (performance.now() < end) {
      const turn = Math.min(end, performance.now() + TURN_MS);
      do {
        let moved = 0;
        for (const load of loads) moved += load.turn(true);
        if (moved === 0) Atomics.wait(nap, 0, 0, NAP_MS);
      } while (performance.now() < turn);
      await yieldLoop();
    }
    return completed() - before;
  };
  while (loads.some(({ acknowledged }) => acknowledged === 0)) await drive(TURN_MS);
  return {
    operation: 'commands',
    isAsync: true,
    latency,
    window: () => drive(WINDOW_MS),
    figures: () => ({
      ...conditions(nodes, settings),
      inFlight: settings.inFlight,
      refused: loads.reduce((sum, load) => sum + load.refused, 0),
    }),
    close: () => nodes.close(),
  };
}

interface CallParts {
  node: NodesUnderLoad['node'];
  keys: string[];
  commands: Uint8Array[];
  queries: Uint8Array[];
}

type MakeCall = (parts: CallParts) => (next: number) => ReturnType<Call>;

async function callSubject(context: Context, operation: string, slots: number, makeCall: MakeCall): Promise<Subject> {
  const { settings } = context;
  const latency = new Histogram();
  const nodes = await open(context, { leader: 'here', options: {} });
  const parts = { node: nodes.node, ...nodes.promiseCommands() };
  const call = makeCall(parts);
  let next = 0;
  const inFlight = settings.inFlight === DEFAULTS.inFlight ? slots : settings.inFlight;
  const load = new PromiseLoad(
    () => {
      next = next + 1 === parts.keys.length ? 0 : next + 1;
      return call(next);
    },
    inFlight,
    latency,
  );
  load.start();
  return {
    operation,
    isAsync: true,
    latency,
    window: () => load.window(WINDOW_MS),
    figures: () => ({ ...conditions(nodes, settings), inFlight }),
    async close() {
      await load.stop();
      await nodes.close();
    },
  };
}

/** One command at a time, and between the windows its floor: medium, loopback and wakes. */
async function loneSubject(context: Context): Promise<Subject> {
  const { settings, scratch } = context;
  const latency = new Histogram();
  const append = new Histogram();
  const roundTrip = new Histogram();
  const wake = new Histogram();
  const medium = await RawMedium.open({
    directory: scratch(),
    files: 3,
    threadsPerFile: 1,
    writeBytes: LOG_BLOCK_BYTES,
  });
  const waker = await RawMedium.open({ directory: undefined, files: 1, threadsPerFile: 1, writeBytes: 0 });
  const echo = await LoopbackEcho.open();
  const nodes = await open(context, { leader: 'here', options: {} });
  const { keys, commands } = nodes.promiseCommands();
  let next = 0;
  return {
    operation: 'commands',
    isAsync: true,
    latency,
    async prepare() {
      for (let round = 0; round < LONE_PER_WINDOW; round++) {
        append.record(medium.append(MAJORITY));
        wake.record(waker.append(1) / 2);
        roundTrip.record(await echo.roundTrip());
      }
    },
    async window() {
      for (let count = 0; count < LONE_PER_WINDOW; count++) {
        next = next + 1 === keys.length ? 0 : next + 1;
        const start = performance.now();
        await nodes.node.propose(keys[next], commands[next]);
        latency.record((performance.now() - start) * 1e3);
      }
      return LONE_PER_WINDOW;
    },
    figures: () => {
      const parts = {
        rawQuorumAppendUs: append.quantile(0.5),
        loopbackRoundTripUs: roundTrip.quantile(0.5),
        threadWakeUs: wake.quantile(0.5),
      };
      const floorUs = parts.rawQuorumAppendUs + parts.loopbackRoundTripUs + WAKES * parts.threadWakeUs;
      const medianUs = latency.quantile(0.5);
      return {
        ...conditions(nodes, settings),
        inFlight: 1,
        medianUs,
        ...parts,
        floorUs,
        ratioToFloor: medianUs / floorUs,
      };
    },
    async close() {
      await Promise.all([medium.close(), waker.close(), echo.close(), nodes.close()]);
    },
  };
}
