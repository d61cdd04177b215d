/**
 * kill -9 of a process that runs a cluster under load, again and again. Each key is a counter with one writer, so that its value tells
 * both losses and duplicates:
 *
 *   acknowledged ≤ value after a restart ≤ acknowledged + 1 (the one under way)          within a life: each answer = the last + 1
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../src/base/prng.ts';
import type { Durability } from '../../src/config.ts';
import { findLogs, inspectLog } from '../../src/log/log-inspection.ts';

export const SHARDS = 2;
const KEYS = 48;
const CHILD = fileURLToPath(new URL('./kill9-child.js', import.meta.url));
/** Share of kills that come while the process starts, and how soon after its begin at the latest. */
const EARLY_CHANCE = 0.2;
const EARLY_MS_MAX = 600;
/** Acknowledgements of a life before it is killed, at most. */
const ACKS_MAX = 2000;

export interface ChildTask {
  directory: string;
  keys: string[];
  durability: Durability;
  snapshotLogBytes: number;
}

export interface KillReport {
  kills: number;
  /** Killed before it could serve. */
  killedAtStart: number;
  acknowledged: number;
  /** Values that counted an increment whose acknowledgement nobody had seen. */
  unseen: number;
  violations: string[];
}

export interface KillOptions {
  directory: string;
  kills: number;
  seed: number;
  durability: Durability;
  /** Small, so that logs are truncated and recycled between the kills. */
  snapshotLogBytes: number;
  onKill?(report: KillReport): void;
}

export async function killAgainAndAgain(options: KillOptions): Promise<KillReport> {
  return await new KillLoop(options).run();
}

class KillLoop {
  readonly #options: KillOptions;
  readonly #prng: Prng;
  readonly #keys = Array.from({ length: KEYS }, (_, n) => `counter-${n}`);
  /** Highest value that was acknowledged, or seen after a restart. */
  readonly #known = new Map<string, number>();
  readonly #report: KillReport = { kills: 0, killedAtStart: 0, acknowledged: 0, unseen: 0, violations: [] };
  #isReady = false;

  constructor(options: KillOptions) {
    this.#options = options;
    this.#prng = new Prng(options.seed);
    for (const key of this.#keys) this.#known.set(key, 0);
  }

  async run(): Promise<KillReport> {
    const { kills, onKill } = this.#options;
    const report = this.#report;
    while (report.kills < kills && report.violations.length === 0) {
      await this.#live();
      report.kills += 1;
      this.#inspect();
      onKill?.(report);
    }
    if (report.violations.length === 0) await this.#live(0);
    return report;
  }

  /** One life of the child, ended by a kill after so many acknowledgements, or soon after its begin. */
  async #live(acks = this.#prng.range(1, ACKS_MAX)): Promise<void> {
    const isEarly = acks > 0 && this.#prng.chance(EARLY_CHANCE);
    const earlyMs = this.#prng.range(0, EARLY_MS_MAX);
    const child = this.#spawn();
    const exited = once(child, 'exit');
    const timer = isEarly ? setTimeout(() => child.kill('SIGKILL'), earlyMs) : undefined;
    let left = acks;
    this.#isReady = false;
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if (this.#hear(line)) left -= 1;
      if (this.#isReady && left <= 0 && !isEarly) child.kill('SIGKILL');
    }
    clearTimeout(timer);
    const [code, signal] = (await exited) as [number | null, string | null];
    if (signal !== 'SIGKILL') this.#violate(`the process ended by itself (code ${code})`);
    if (!this.#isReady) this.#report.killedAtStart += 1;
  }

  #spawn(): ChildProcess {
    const { directory, durability, snapshotLogBytes } = this.#options;
    const task: ChildTask = { directory, durability, snapshotLogBytes, keys: this.#keys };
    return spawn(process.execPath, [CHILD, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** One line of the child; true where it is an acknowledgement. A line that the kill cut short has no meaning. */
  #hear(line: string): boolean {
    const [word, key = '', text] = line.split(' ');
    if (word === 'ready') this.#isReady = true;
    const known = this.#known.get(key);
    const value = Number(text);
    if (known === undefined || !Number.isSafeInteger(value)) return false;
    this.#known.set(key, value);
    if (word === 'value') {
      if (value < known)
        this.#violate(`${key} was ${known}, and is ${value} after a restart: acknowledged commands are lost`);
      if (value > known + 1)
        this.#violate(`${key} was ${known}, and is ${value} after a restart: commands were applied twice`);
      if (value === known + 1) this.#report.unseen += 1;
      return false;
    }
    if (value !== known + 1) this.#violate(`${key} went from ${known} to ${value}`);
    this.#report.acknowledged += 1;
    return true;
  }

  /** A kill tears nothing that was durable: no log may look damaged. */
  #inspect(): void {
    for (const directory of this.#logs()) {
      const { damage } = inspectLog(directory);
      if (damage !== undefined) this.#violate(`${damage.segment} is damaged at ${damage.offset}: ${damage.reason}`);
    }
  }

  /** None while the first life was killed before it had made any. */
  #logs(): string[] {
    try {
      return findLogs(this.#options.directory);
    } catch {
      return [];
    }
  }

  #violate(text: string): void {
    this.#report.violations.push(`kill ${this.#report.kills} of seed ${this.#options.seed}: ${text}`);
  }
}
