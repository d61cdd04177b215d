/**
 * What an engine case reports beside its rate: conditions, leaders, bytes on the log, flush size, allocation inside the
 * workers, and the ratio to what the machine could do at most, measured in the same case.
 */
import { alignPosition } from '../src/base/bits.ts';
import type { WorkerStatus } from '../src/engine/status.ts';
import { LOG_BLOCK_BYTES } from '../src/limits.ts';
import type { EngineCluster } from './engine-cluster.ts';
import { measureRawLog, measureRawRing } from './limits.bench.ts';
import type { Figures } from './row.ts';

/** Share of the measured time that each limit gets. */
const LIMIT_SHARE = 0.3;

export class EngineFigures {
  readonly #engine: EngineCluster;
  readonly #rawDirectory: string;
  /** True once the workers' heaps are watched: the cluster must stay open until the end. */
  isMetering = false;
  #completed = 0;
  #flushes = 0;
  #logBytes = 0;

  constructor(engine: EngineCluster, rawDirectory: string) {
    this.#engine = engine;
    this.#rawDirectory = rawDirectory;
  }

  /** Counts from here on: a cluster was opened and answers. */
  begin(): void {
    this.#completed = this.#engine.appliedCommands();
    this.#flushes = this.#sum('flushes');
    this.#logBytes = this.#sum('logBytes');
  }

  figures(operations: number, seconds: number): Figures {
    const { settings, durability, shards } = this.#engine.plan;
    const { workers, shards: groups } = this.#engine.status();
    const commands = this.#engine.appliedCommands() - this.#completed;
    const logBytes = this.#sum('logBytes') - this.#logBytes;
    const flushes = this.#sum('flushes') - this.#flushes;
    const leaders = Array.from(
      { length: settings.replicas },
      (_, r) => groups.filter(({ leader }) => leader === r).length,
    );
    return {
      native: workers.every(({ native }) => native),
      replicas: settings.replicas,
      shards,
      workers: settings.workers,
      payloadBytes: settings.payload,
      keys: settings.keys,
      machine: 'kv',
      transport: 'memory',
      durability,
      device: workers[0].device,
      durable: workers.every(({ durable }) => durable),
      inFlight: settings.inFlight,
      issued: operations,
      acknowledged: operations,
      unknown: 0,
      leaders: leaders.join('/'),
      elections: groups.reduce(
        (sum, { replicas }) => sum + replicas.reduce((all, { elections }) => all + elections, 0),
        0,
      ),
      diskBytesPerCommand: durability === 'memory' || commands === 0 ? null : logBytes / commands,
      flushBytes: flushes === 0 ? null : logBytes / flushes,
      logBytesPerSecond: commands === 0 ? null : (logBytes / commands) * (operations / seconds),
    };
  }

  /** Ratio to the rate of one thread that applies the same commands to a ring and a machine per replica. */
  async ratioToRing(opsPerSecond: number): Promise<Figures> {
    const { settings } = this.#engine.plan;
    const rawRingOpsPerSecond = await measureRawRing(settings, this.#limitMs());
    return { rawRingOpsPerSecond, ratioToRawRing: opsPerSecond / rawRingOpsPerSecond };
  }

  /** Ratio to as many threads and files as the engine has, writing blocks of its mean flush size; none for volatile logs. */
  async ratioToLog({ logBytesPerSecond, flushBytes }: Figures): Promise<Figures> {
    const { settings, shards, durability } = this.#engine.plan;
    if (durability === 'memory' || typeof logBytesPerSecond !== 'number' || typeof flushBytes !== 'number') return {};
    const writeBytes = alignPosition(flushBytes, LOG_BLOCK_BYTES);
    const rawLogBytesPerSecond = await measureRawLog(settings, shards, writeBytes, this.#rawDirectory, this.#limitMs());
    return { rawLogBytesPerSecond, ratioToRawLog: logBytesPerSecond / rawLogBytesPerSecond };
  }

  async beginAllocation(): Promise<void> {
    this.isMetering = true;
    await this.#engine.opened().measureAllocation('start');
  }

  /** Bytes per command of the worker that allocated most. */
  async endAllocation(): Promise<number | null> {
    const workers = (await this.#engine.opened().measureAllocation('stop')).filter(({ commands }) => commands > 0);
    return workers.length === 0 ? null : Math.max(...workers.map(({ bytes, commands }) => bytes / commands));
  }

  #limitMs(): number {
    return this.#engine.plan.settings.seconds * 1e3 * LIMIT_SHARE;
  }

  #sum(figure: 'flushes' | 'logBytes'): number {
    return this.#engine.status().workers.reduce((sum: number, worker: WorkerStatus) => sum + worker[figure], 0);
  }
}
