/**
 * The whole engine in one process, machine `kv`, commands of put, compare-and-swap and increment: from the caller's publish
 * or propose to its reply, which is durable on a majority and applied.
 *
 *   lane-*      one lane per shard kept full                 ratios to raw-ring and raw-log, measured around the case
 *   promise-*   a promise per command, 10,000 in flight
 *   lone-*      one command at a time, through a promise     ratio to raw-quorum-append, measured between the windows
 *   read-*      promises of reads by consistency (durable: linearizable)
 */
import { Histogram } from '../src/base/histogram.ts';
import type { Cluster, Consistency } from '../src/index.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import { majority } from '../src/paxos/quorum.ts';
import { EngineCluster } from './engine-cluster.ts';
import { EngineFigures } from './engine-figures.ts';
import { DEFAULTS, type Settings } from './flags.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import { type Call, PromiseLoad } from './promise-load.ts';
import { RawMedium } from './raw-medium.ts';
import type { Figures } from './row.ts';

const WINDOW_MS = 50;
const LONE_PER_WINDOW = 16;
const READS_IN_FLIGHT = 1000;
const PROMISES_IN_FLIGHT = 10_000;

export function engineCases({ durability }: Settings): BenchCase[] {
  const durable = durability === 'memory' ? 'auto' : durability;
  return [
    windowed('engine', 'lane-durable', (context) => laneSubject(context, durable, context.settings.shards)),
    windowed('engine', 'lane-memory', (context) => laneSubject(context, 'memory', context.settings.shards)),
    windowed('engine', 'promise-durable', (context) => promiseSubject(context, durable)),
    windowed('engine', 'promise-memory', (context) => promiseSubject(context, 'memory')),
    windowed('engine', 'lone-durable', (context) => loneSubject(context, durable)),
    windowed('engine', 'lone-memory', (context) => loneSubject(context, 'memory')),
    windowed('engine', 'read-durable', (context) => readSubject(context, durable, 'linearizable')),
    windowed('engine', 'read-lease', (context) => readSubject(context, durable, 'lease')),
    windowed('engine', 'read-session', (context) => readSubject(context, durable, 'session')),
    windowed('engine', 'read-stale', (context) => readSubject(context, durable, 'stale')),
  ];
}

/** One lane per shard, all kept full. */
export async function laneSubject(
  { settings, scratch }: Context,
  durability: string,
  shards: number,
): Promise<Subject> {
  const latency = new Histogram();
  const engine = new EngineCluster({ settings, directory: scratch(), durability, shards }, latency);
  const measured = new EngineFigures(engine, scratch());
  return {
    operation: 'commands',
    isAsync: true,
    latency,
    async prepare() {
      if (engine.isLogFull && !measured.isMetering) await engine.close();
      if (engine.cluster !== undefined) return;
      await engine.open();
      await engine.openLanes();
      measured.begin();
    },
    window: () => engine.drive(WINDOW_MS),
    async figures(operations, seconds) {
      const figures = measured.figures(operations, seconds);
      const ring = await measured.ratioToRing(operations / seconds);
      return { ...figures, ...ring, ...(await measured.ratioToLog(figures)), refused: engine.refused };
    },
    beginAllocation: () => measured.beginAllocation(),
    endAllocation: () => measured.endAllocation(),
    close: () => engine.close(),
  };
}

async function promiseSubject(context: Context, durability: string): Promise<Subject> {
  const { settings } = context;
  const inFlight = settings.inFlight === DEFAULTS.inFlight ? PROMISES_IN_FLIGHT : settings.inFlight;
  return slotSubject(context, durability, inFlight, 'commands', (engine, cluster) => {
    const { keys, commands } = engine.promiseCommands();
    let next = 0;
    return () => {
      next = next + 1 === keys.length ? 0 : next + 1;
      return cluster.propose(keys[next], commands[next]);
    };
  });
}

async function readSubject(context: Context, durability: string, consistency: Consistency): Promise<Subject> {
  return slotSubject(context, durability, READS_IN_FLIGHT, 'reads', (engine, cluster) => {
    const { keys, queries } = engine.promiseCommands();
    let next = 0;
    return () => {
      next = next + 1 === keys.length ? 0 : next + 1;
      return cluster.read(keys[next], queries[next], { consistency });
    };
  });
}

type MakeCall = (engine: EngineCluster, cluster: Cluster) => Call;

/** So many promises in flight, each followed by the next as it settles. */
async function slotSubject(
  { settings, scratch }: Context,
  durability: string,
  inFlight: number,
  operation: string,
  makeCall: MakeCall,
): Promise<Subject> {
  const latency = new Histogram();
  const engine = new EngineCluster({ settings, directory: scratch(), durability, shards: settings.shards }, latency);
  const measured = new EngineFigures(engine, scratch());
  const cluster = await engine.open();
  await engine.awaitLeaders();
  measured.begin();
  const load = new PromiseLoad(makeCall(engine, cluster), inFlight, latency);
  load.start();
  return {
    operation,
    isAsync: true,
    latency,
    window: () => load.window(WINDOW_MS),
    figures: (operations, seconds) => ({ ...measured.figures(operations, seconds), inFlight }),
    beginAllocation: () => measured.beginAllocation(),
    endAllocation: () => measured.endAllocation(),
    async close() {
      await load.stop();
      await engine.close();
    },
  };
}

/** One command at a time, and between the windows what the bare medium needs for a quorum. */
async function loneSubject({ settings, scratch }: Context, durability: string): Promise<Subject> {
  const latency = new Histogram();
  const raw = new Histogram();
  const engine = new EngineCluster({ settings, directory: scratch(), durability, shards: settings.shards }, latency);
  const measured = new EngineFigures(engine, scratch());
  const { replicas } = settings;
  const isVolatile = durability === 'memory';
  const medium = isVolatile
    ? undefined
    : await RawMedium.open({ directory: scratch(), files: replicas, threadsPerFile: 1, writeBytes: LOG_BLOCK_BYTES });
  const cluster = await engine.open();
  await engine.awaitLeaders();
  measured.begin();
  const { keys, commands } = engine.promiseCommands();
  let next = 0;
  return {
    operation: 'commands',
    isAsync: true,
    latency,
    prepare() {
      if (medium === undefined) return;
      for (let round = 0; round < LONE_PER_WINDOW; round++) raw.record(medium.append(majority(replicas)));
    },
    async window() {
      for (let count = 0; count < LONE_PER_WINDOW; count++) {
        next = next + 1 === keys.length ? 0 : next + 1;
        const start = performance.now();
        await cluster.propose(keys[next], commands[next]);
        latency.record((performance.now() - start) * 1e3);
      }
      return LONE_PER_WINDOW;
    },
    figures: (operations, seconds) => ({
      ...measured.figures(operations, seconds),
      inFlight: 1,
      ...loneFigures(latency.quantile(0.5), isVolatile ? undefined : raw.quantile(0.5)),
    }),
    async close() {
      await medium?.close();
      await engine.close();
    },
  };
}

function loneFigures(medianUs: number, rawUs: number | undefined): Figures {
  if (rawUs === undefined) return { medianUs };
  return { medianUs, rawQuorumAppendUs: rawUs, ratioToRawQuorumAppend: medianUs / rawUs };
}
