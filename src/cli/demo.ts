/**
 * `synod demo`: the whole machine at work, and the proof that every command was applied exactly once.
 *
 *   space? ─▶ open ─▶ load (kill a leader's worker in the middle) ─▶ drain ─▶ close ─▶ reopen from disk ─▶ compare what every
 *   replica applied with what every client issued ─▶ summary
 */
import { availableParallelism } from 'node:os';
import { Histogram } from '../base/histogram.ts';
import type { DemoClient } from './demo-client.ts';
import { makeClients } from './demo-clients.ts';
import { DemoCluster } from './demo-cluster.ts';
import { DemoDirectory, DirectoryError } from './demo-directory.ts';
import { DemoLoad, type Kill } from './demo-load.ts';
import { type DemoOptions, demoHelp, parseDemoOptions } from './demo-options.ts';
import { count, type DemoResult, gitCommit, latencyOf, liveLine, summaryTable, toJsonLine } from './demo-report.ts';
import { type Verdict, verify } from './demo-verify.ts';
import {
  bytesNeeded,
  commandsThatFit,
  freeDiskBytes,
  freeMemoryBytes,
  missingSpace,
  type SpaceDemand,
} from './free-space.ts';
import { HeapMeter } from './heap-meter.ts';

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** What is in flight when the load ends is waited for so long; after SIGINT, so long. */
const DRAIN_MS = 10_000;
const DRAIN_INTERRUPTED_MS = 1000;
const BYTES_PER_MB = 1e6;

/** Returns the exit code. Throws FlagError for a bad command line. */
export async function runDemo(args: readonly string[]): Promise<number> {
  const options = parseDemoOptions(args);
  if (options.help) {
    console.log(demoHelp());
    return EXIT_OK;
  }
  try {
    const demand = demandOf(options);
    const commandsMax = await checkSpace(options, demand);
    const directory = await DemoDirectory.prepare(options.directory);
    return await new DemoRun(options, directory, commandsMax).run();
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    console.error(`synod: ${error.message}`);
    return EXIT_USAGE;
  }
}

function demandOf({ seconds, payload, replicas, workers, shards }: DemoOptions): SpaceDemand {
  return { seconds, payload, replicas, logsPerReplica: workers === 'per-group' ? shards : workers };
}

/** Commands that the run may issue. Throws DirectoryError when the logs may not fit. */
async function checkSpace(options: DemoOptions, demand: SpaceDemand): Promise<number> {
  const needed = bytesNeeded(demand);
  if (options.durability === 'memory') return commandsThatFit(Math.min(needed, freeMemoryBytes()), demand);
  const place = options.directory ?? '.';
  const missing = missingSpace(needed, await freeDiskBytes(place), place);
  if (missing !== undefined) {
    throw new DirectoryError(`${missing}; fewer --seconds, fewer --replicas or a smaller --payload need less`);
  }
  return commandsThatFit(needed, demand);
}

/** What is known only while the cluster of the load is open. */
type Conditions = Pick<DemoResult, 'device' | 'durable' | 'native' | 'workers' | 'rssMb'>;

/** One run: what is open, and what was measured so far. */
class DemoRun {
  readonly #options: DemoOptions;
  readonly #directory: DemoDirectory;
  readonly #commandsMax: number;
  readonly #latency = new Histogram();
  /** Of the current second, for the live line. */
  readonly #recent = new Histogram();
  readonly #heap = new HeapMeter();
  #cluster: DemoCluster | undefined;
  #load: DemoLoad | undefined;
  #isInterrupted = false;
  #hasViolations = false;
  /** The live line stands on the terminal without an end. */
  #isLineOpen = false;
  #acknowledgedBefore = 0;
  #steadyFrom = { acknowledged: 0, logBytes: 0 };
  #steady = { acknowledged: 0, logBytes: 0, coordinatorBytes: 0 };
  #workerBytes: number | null = null;

  constructor(options: DemoOptions, directory: DemoDirectory, commandsMax: number) {
    this.#options = options;
    this.#directory = directory;
    this.#commandsMax = commandsMax;
  }

  async run(): Promise<number> {
    const onInterrupt = (): void => this.#interrupt();
    process.on('SIGINT', onInterrupt);
    let exitCode = EXIT_FAILED;
    try {
      exitCode = await this.#runPhases();
    } finally {
      await this.#cluster?.close();
      process.off('SIGINT', onInterrupt);
      await this.#leaveDirectory();
    }
    return this.#isInterrupted ? EXIT_INTERRUPTED : exitCode;
  }

  async #runPhases(): Promise<number> {
    const cluster = await this.#open();
    const { device, durable, native, workers } = cluster;
    if (this.#isInterrupted) return EXIT_INTERRUPTED;
    const clients = await this.#drive(cluster);
    if (this.#isInterrupted) return EXIT_INTERRUPTED;
    const rssMb = process.memoryUsage.rss() / BYTES_PER_MB;
    const verdict = await this.#verify(clients);
    if (this.#isInterrupted) return EXIT_INTERRUPTED;
    const result = this.#result(clients, verdict, { device, durable, native, workers, rssMb });
    this.#hasViolations = !result.ok;
    for (const violation of verdict.violations) console.error(`VIOLATION ${violation}`);
    console.log(this.#options.json ? toJsonLine(result) : `\n${summaryTable(result)}`);
    return result.ok ? EXIT_OK : EXIT_FAILED;
  }

  async #open(): Promise<DemoCluster> {
    this.#cluster = await DemoCluster.open(this.#options, this.#directory.path, this.#commandsMax);
    return this.#cluster;
  }

  /** Runs the load to its end. */
  async #drive(cluster: DemoCluster): Promise<DemoClient[]> {
    const { replicas, shards, durability, seconds, inFlight } = this.#options;
    this.#say(
      `${replicas} replicas x ${shards} shards, ${cluster.workers} workers per replica, log ${cluster.device} (asked: ${durability})`,
    );
    if (!cluster.durable) this.#say('NOT durable: what is acknowledged is lost when the machine stops');
    const clients = await makeClients(cluster, this.#options, this.#recent);
    const plan = { seconds, commandsMax: this.#commandsMax, inFlight, drainMs: DRAIN_MS };
    const load = new DemoLoad(clients, shards, plan, {
      onSteady: () => this.#beginSteady(cluster, load),
      onSteadyEnd: () => this.#endSteady(cluster, load),
      onKill: () => this.#kill(cluster),
      onSecond: (second) => this.#showSecond(second, cluster, load),
    });
    this.#load = load;
    await load.run();
    this.#latency.merge(this.#recent);
    if (load.seconds < seconds && !this.#isInterrupted) {
      this.#say(
        `the load ended after ${load.seconds.toFixed(1)} s: no more than ${count(this.#commandsMax)} commands fit the space`,
      );
    }
    this.#tellFailover(load);
    return clients;
  }

  #beginSteady(cluster: DemoCluster, load: DemoLoad): void {
    this.#steadyFrom = { acknowledged: load.acknowledged, logBytes: cluster.logBytes };
    cluster.startAllocation();
    this.#heap.start();
  }

  async #endSteady(cluster: DemoCluster, load: DemoLoad): Promise<void> {
    const coordinatorBytes = this.#heap.stop();
    this.#steady = {
      acknowledged: load.acknowledged - this.#steadyFrom.acknowledged,
      logBytes: cluster.logBytes - this.#steadyFrom.logBytes,
      coordinatorBytes,
    };
    this.#workerBytes = await cluster.stopAllocation();
  }

  #kill(cluster: DemoCluster): Kill | undefined {
    const kill = this.#isInterrupted ? undefined : cluster.killLeaderOf(0);
    if (kill !== undefined)
      this.#say(`ending the worker of replica ${kill.replica}, which leads shard ${kill.shards.join(', ')}`);
    return kill;
  }

  #showSecond(second: number, cluster: DemoCluster, load: DemoLoad): void {
    if (this.#options.json) return;
    const opsPerSecond = load.acknowledged - this.#acknowledgedBefore;
    this.#acknowledgedBefore = load.acknowledged;
    const p50Us = this.#recent.quantile(0.5);
    const p99Us = this.#recent.quantile(0.99);
    this.#latency.merge(this.#recent);
    this.#recent.reset();
    this.#show(liveLine({ second, opsPerSecond, p50Us, p99Us, leaders: cluster.leaders }));
  }

  #tellFailover({ gaps }: DemoLoad): void {
    for (let shard = 0; shard < this.#options.shards; shard++) {
      const ms = gaps.failoverMs(shard);
      if (ms !== undefined)
        this.#say(
          `shard ${shard}: ${ms.toFixed(0)} ms from the end of its leader's worker to the next acknowledgement`,
        );
    }
  }

  /** From disk where there is one: what was closed is opened again, and every replica is asked. */
  async #verify(clients: readonly DemoClient[]): Promise<Verdict> {
    const loaded = this.#cluster as DemoCluster;
    let cluster = loaded;
    if (this.#options.durability === 'memory') {
      this.#say('verifying before the end: nothing is kept on disk with --durability memory');
    } else {
      this.#say('closing, reopening from disk, verifying');
      await cluster.close();
      cluster = await this.#open();
    }
    const issued = clients.map((client) => ({ shard: client.shard, client: client.id, ledger: client.ledger }));
    const verdict = verify(issued, await cluster.reports());
    const problems = new Set([...loaded.problems, ...cluster.problems]);
    verdict.violations.push(...clients.flatMap(clientViolations), ...problems);
    return verdict;
  }

  #result(clients: readonly DemoClient[], verdict: Verdict, conditions: Conditions): DemoResult {
    const { replicas, shards, payload, keys, durability, inFlight, seed } = this.#options;
    const load = this.#load as DemoLoad;
    const issued = clients.reduce((sum, { ledger }) => sum + ledger.issued, 0);
    const acknowledged = clients.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0);
    const steadyCommands = Math.max(1, this.#steady.acknowledged);
    return {
      name: 'start',
      ok: verdict.violations.length === 0 && acknowledged > 0,
      gitCommit: gitCommit(),
      nodeVersion: process.version,
      cpus: availableParallelism(),
      native: conditions.native,
      replicas,
      shards,
      workers: conditions.workers,
      payloadBytes: payload,
      keys,
      machine: 'audit',
      transport: 'memory',
      durability,
      device: conditions.device,
      durable: conditions.durable,
      inFlight,
      seconds: load.seconds,
      seed,
      issued,
      acknowledged,
      unknown: issued - acknowledged,
      lost: verdict.lost,
      duplicated: verdict.duplicated,
      digestsEqual: verdict.digestsEqual,
      opsPerSecond: load.acknowledged / load.seconds,
      latencyUs: latencyOf(this.#latency),
      failoverMs: load.gaps.failoverMsMax,
      otherShardsMaxGapMs: load.gaps.otherShardsMaxGapMs,
      allocatedBytesPerCommand: {
        coordinator: this.#steady.coordinatorBytes / steadyCommands,
        worker: this.#workerBytes,
      },
      diskBytesPerCommand: durability === 'memory' ? 0 : this.#steady.logBytes / steadyCommands,
      rssMb: conditions.rssMb,
    };
  }

  #interrupt(): void {
    if (this.#isInterrupted) process.exit(EXIT_INTERRUPTED);
    this.#isInterrupted = true;
    this.#say('interrupted: closing');
    this.#load?.stop(DRAIN_INTERRUPTED_MS);
  }

  /** The evidence of a violation stays; the next run removes it. */
  async #leaveDirectory(): Promise<void> {
    if (!this.#hasViolations) await this.#directory.remove();
    else console.error(`synod: the logs of this run stay in ${this.#directory.path}`);
  }

  #say(text: string): void {
    if (this.#options.json) return;
    if (this.#isLineOpen) console.log();
    this.#isLineOpen = false;
    console.log(text);
  }

  /** The live line overwrites itself on a terminal. */
  #show(line: string): void {
    this.#isLineOpen = process.stdout.isTTY;
    if (this.#isLineOpen) process.stdout.write(`\r\x1b[K${line}`);
    else console.log(line);
  }
}

function clientViolations({ shard, id, refused, refusedStatus, outOfOrder, failed }: DemoClient): string[] {
  const violations: string[] = [];
  const place = `shard ${shard}, client ${id}`;
  if (refused > 0) violations.push(`${place}: ${refused} commands were answered with status ${refusedStatus}`);
  if (failed > 0) violations.push(`${place}: ${failed} commands got a reply that does not fit them`);
  if (outOfOrder > 0) violations.push(`${place}: ${outOfOrder} completions out of order`);
  return violations;
}
