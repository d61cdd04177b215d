/**
 * The cluster as the demo sees it: the public API, plus what only an audit asks for.
 */
import { SynodError } from '../base/errors.ts';
import { type Cluster, type Lane, openCluster, type WorkerStatus } from '../index.ts';
import { LOG_SEGMENT_BYTES, PAYLOAD_BYTES_DEFAULT } from '../limits.ts';
import { decodeReport, reportQuery } from '../machines/audit-report.ts';
import type { Kill } from './demo-load.ts';
import type { DemoOptions } from './demo-options.ts';
import type { ReplicaReport } from './demo-verify.ts';
import { logBytes } from './free-space.ts';
import { keyName } from './key-table.ts';

/** All replicas must have applied the same by then; lanes must be open by then. */
const SETTLE_MS_MAX = 30_000;
/** Record header and alignment of a command in its lane. */
const RECORD_BYTES = 24;
/** Shards are not equally fast: a volatile log has room for more than its share. */
const UNEVEN = 1.5;

export class DemoCluster {
  /** What the replicas disagreed on or stopped at, one sentence each. */
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  readonly #shards: number;
  readonly #replicas: number;
  readonly #workers: number;
  /** A key of each shard. */
  readonly #keys: string[];

  private constructor(cluster: Cluster, { shards, replicas }: DemoOptions) {
    this.#cluster = cluster;
    this.#shards = shards;
    this.#replicas = replicas;
    this.#workers = this.#workerStatus.length / replicas;
    this.#keys = firstKeys(cluster, shards);
    cluster.on('stopped', ({ shard, replica, error }) => {
      this.problems.push(`shard ${shard} stopped on replica ${replica}: ${error.code}: ${error.message}`);
    });
  }

  /** `commandsMax`: what volatile logs must have room for. */
  static async open(options: DemoOptions, directory: string, commandsMax: number): Promise<DemoCluster> {
    const { replicas, shards, workers, payload, durability, seed } = options;
    const payloadBytesMax = Math.max(PAYLOAD_BYTES_DEFAULT, payload);
    const cluster = await openCluster({
      ...(durability === 'memory' ? { memoryLogBytes: memoryLogBytes(options, commandsMax) } : { directory }),
      replicas,
      shards,
      workers,
      durability,
      seed,
      machine: 'audit',
      payloadBytesMax,
      laneBytes: laneBytes(options, payloadBytesMax),
    });
    return new DemoCluster(cluster, options);
  }

  get device(): string {
    return this.#workerStatus[0]?.device ?? 'unknown';
  }

  get durable(): boolean {
    return this.#workerStatus.every(({ durable }) => durable);
  }

  get native(): boolean {
    return this.#workerStatus.every(({ native }) => native);
  }

  /** Worker threads per replica. */
  get workers(): number {
    return this.#workers;
  }

  /** Bytes appended to the logs of all replicas since their workers started. */
  get logBytes(): number {
    return this.#workerStatus.reduce((sum, { logBytes }) => sum + logBytes, 0);
  }

  /** Replica that leads, by shard. */
  get leaders(): (number | undefined)[] {
    return this.#cluster.status().shards.map(({ leader }) => (leader < 0 ? undefined : leader));
  }

  get #workerStatus(): WorkerStatus[] {
    return this.#cluster.status().workers;
  }

  shardOf(key: string): number {
    return this.#cluster.shardOf(key);
  }

  /** A lane whose session is open. */
  async openLane(shard: number): Promise<Lane> {
    const lane = this.#cluster.lane(this.#keys[shard] as string);
    const endMs = performance.now() + SETTLE_MS_MAX;
    while (!lane.isOpen) {
      lane.poll(() => {}, 1);
      if (performance.now() > endMs)
        throw new SynodError('ERR_SYNOD_NO_LEADER', `shard ${shard}: no session within 30 s`);
      if (!lane.isOpen) await lane.wait();
    }
    return lane;
  }

  /** Ends the worker of the replica that leads `shard`; undefined when no quorum would be left, or nobody leads. */
  killLeaderOf(shard: number): Kill | undefined {
    const leaders = this.leaders;
    const replica = leaders[shard];
    if (replica === undefined || this.#replicas < 3) return undefined;
    const worker = this.#cluster.workerOf(shard);
    const shards = leaders.flatMap((leader, led) =>
      leader === replica && this.#cluster.workerOf(led) === worker ? [led] : [],
    );
    const gone = new Promise<void>((resolve) => {
      const onDown = (down: { replica: number; worker: number }): void => {
        if (down.replica !== replica || down.worker !== worker) return;
        this.#cluster.off('down', onDown);
        resolve();
      };
      this.#cluster.on('down', onDown);
    });
    this.#cluster.terminateWorker(replica, worker);
    return { replica, shards, gone };
  }

  startAllocation(): void {
    void this.#cluster.measureAllocation('start');
  }

  /** Bytes that a worker allocated per command that it applied, since the start. */
  async stopAllocation(): Promise<number | null> {
    const figures = await this.#cluster.measureAllocation('stop');
    const bytes = figures.reduce((sum, figure) => sum + figure.bytes, 0);
    const commands = figures.reduce((sum, figure) => sum + figure.commands, 0);
    return commands > 0 ? bytes / commands : null;
  }

  /** The highest client number that any machine knows. */
  async highestClient(): Promise<number> {
    let highest = 0;
    for (const key of this.#keys) {
      const { clients } = decodeReport(await this.#cluster.read(key, reportQuery()));
      for (const { client } of clients) highest = Math.max(highest, client);
    }
    return highest;
  }

  /** What every replica's own machine applied, once all have applied the same. */
  async reports(): Promise<ReplicaReport[]> {
    // The leader answers when it has applied everything that may have been acknowledged, also before a restart.
    await this.highestClient();
    const endMs = performance.now() + SETTLE_MS_MAX;
    const reports: ReplicaReport[] = [];
    for (let shard = 0; shard < this.#shards; shard++) reports.push(...(await this.#reportsOf(shard, endMs)));
    return reports;
  }

  /** Asks until all replicas of a shard answer at the same watermark; after `endMs` takes what there is. */
  async #reportsOf(shard: number, endMs: number): Promise<ReplicaReport[]> {
    for (;;) {
      const asked = Array.from({ length: this.#replicas }, (_, replica) => this.#reportOf(shard, replica));
      const answers = await Promise.all(asked);
      const applied = answers.map((answer) => answer?.applied);
      const isSettled = applied.every((watermark) => watermark !== undefined && watermark === applied[0]);
      if (isSettled || performance.now() > endMs) {
        if (!isSettled)
          this.problems.push(`shard ${shard}: replicas applied up to ${applied.join(', ')} and no further`);
        return answers.flatMap((answer) => (answer === undefined ? [] : [answer.report]));
      }
      await this.#cluster.nextWake();
    }
  }

  /** Undefined while the replica's worker is down. */
  async #reportOf(shard: number, replica: number): Promise<{ applied: number; report: ReplicaReport } | undefined> {
    try {
      const { applied, reply } = await this.#cluster.inspect(shard, replica, reportQuery());
      return { applied, report: { shard, replica, ...decodeReport(reply) } };
    } catch (error) {
      if (error instanceof SynodError && error.retryable) return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }
}

function firstKeys(cluster: Cluster, shards: number): string[] {
  const keys: string[] = [];
  for (let number = 0; keys.filter((key) => key !== undefined).length < shards; number++) {
    const key = keyName(number);
    keys[cluster.shardOf(key)] ??= key;
  }
  return keys;
}

function laneBytes({ inFlight, shards, payload }: DemoOptions, payloadBytesMax: number): number {
  const needed = Math.max(4 * payloadBytesMax, Math.ceil(inFlight / shards) * (payload + RECORD_BYTES));
  return Math.min(2 ** 28, 2 ** Math.ceil(Math.log2(needed)));
}

/** Of one log: what its shards may write, in whole segments. */
function memoryLogBytes({ payload, shards, workers }: DemoOptions, commandsMax: number): number {
  const logs = workers === 'per-group' ? shards : workers;
  const share = Math.min(1, (Math.ceil(shards / logs) / shards) * UNEVEN);
  return Math.ceil(logBytes(commandsMax * share, payload) / LOG_SEGMENT_BYTES) * LOG_SEGMENT_BYTES;
}
