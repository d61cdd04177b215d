/**
 * A simulated cluster that runs for a day at full load: what its members take up on disk and in memory must not grow. No judge looks on, because
 * judges remember everything; the members' digests are compared at every sample.
 *
 *   tick │ clients, members … │ hourly: one member loses power; every sixth hour one is away until it needs a snapshot │ samples
 */
import { Prng } from '../../src/base/prng.ts';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { FaultCounts } from './fault-counts.ts';
import { NO_FAULTS } from './faults.ts';
import { History } from './history.ts';
import { SimClient } from './sim-client.ts';
import { type MemberEvents, SimMember } from './sim-member.ts';
import { SimNetwork } from './sim-network.ts';

export const TICKS_PER_HOUR = 360_000;
const TURNS = 6;
const AWAY_EVERY_HOURS = 6;
const AWAY_TICKS = TICKS_PER_HOUR / 6;
/** What may be more at the end than before: one segment more or less, and what a heap is off by. */
const DISK_SLACK_BYTES = 2 * LOG_SEGMENT_BYTES;
const MEMORY_SLACK_BYTES = 8 << 20;

export interface EnduranceSample {
  tick: number;
  commands: number;
  /** The largest member's: segments of its log, log not given back, snapshots. */
  segmentBytes: number;
  logKeptBytes: number;
  snapshotBytes: number;
  snapshots: number;
  installs: number;
  memoryBytes: number;
}

/** Remembers nothing. */
class NoHistory extends History {
  override add(): void {}
  override addWeak(): void {}
}

export class Endurance {
  readonly samples: EnduranceSample[] = [];
  violation = '';
  readonly #prng: Prng;
  readonly #counts = new FaultCounts();
  readonly #network: SimNetwork;
  readonly #members: SimMember[] = [];
  readonly #clients: SimClient[] = [];
  readonly #hourTicks: number;
  readonly #memory: () => number;
  #tick = 0;

  /** `hourTicks`: ticks of an hour, fewer in tests; `memory` tells the bytes in use. */
  constructor(seed: number, hourTicks: number, memory: () => number) {
    this.#prng = new Prng(seed);
    this.#hourTicks = hourTicks;
    this.#memory = memory;
    const now = (): number => this.#tick;
    this.#network = new SimNetwork(3, this.#prng.fork('network'), NO_FAULTS, this.#counts, now, () => {});
    const history = new NoHistory();
    for (let m = 0; m < 3; m++) {
      const prng = this.#prng.fork(`member ${m}`);
      const events = this.#events();
      this.#members.push(new SimMember(m, 3, 1, this.#network, prng, () => NO_FAULTS, this.#counts, now, events));
      this.#clients.push(new SimClient(m, 0, 3, this.#prng.fork(`client ${m}`), history, this.#counts, now));
    }
    for (const member of this.#members) member.start(this.#clients);
  }

  #events(): MemberEvents {
    return {
      onApplied: () => {},
      onLeader: () => {},
      onStart: () => {},
      onRecord: () => {},
      onRecovered: () => {},
      onCommit: () => {},
      onDown: (member) => this.#crash(member, 1),
      onViolation: (text) => {
        this.violation ||= text;
      },
    };
  }

  #crash(member: number, ticks: number): void {
    this.#members[member]?.crash(this.#tick + ticks);
  }

  /** Runs for so many hours, with so many samples each. */
  run(hours: number, samplesPerHour: number, onSample: (sample: EnduranceSample) => void): void {
    const every = Math.floor(this.#hourTicks / samplesPerHour);
    const end = Math.floor(hours * this.#hourTicks);
    while (this.#tick < end && this.violation === '') {
      this.#step();
      if (this.#tick % this.#hourTicks === 0) this.#disturb(this.#tick / this.#hourTicks);
      if (this.#tick % every === 0) onSample(this.#sample());
    }
    for (const client of this.#clients) this.violation ||= client.violation;
  }

  #disturb(hour: number): void {
    const member = this.#prng.range(0, this.#members.length);
    const isAway = hour % AWAY_EVERY_HOURS === 0;
    this.#crash(member, isAway ? Math.min(AWAY_TICKS, this.#hourTicks / 2) : 1);
  }

  #step(): void {
    this.#tick += 1;
    this.#network.tick();
    for (const member of this.#members)
      if (!member.isUp && member.restartTick <= this.#tick) member.start(this.#clients);
    this.#route();
    for (let turn = 0; turn < TURNS; turn++) if (this.#turn(turn === 0) === 0) break;
    for (const member of this.#members) {
      member.clock.pass();
      if (member.isRunning) member.passTick();
    }
  }

  #turn(isAsking: boolean): number {
    let work = 0;
    for (const member of this.#members) if (member.isRunning) work += member.turn();
    for (const client of this.#clients) work += client.turn(isAsking);
    return work;
  }

  #route(): void {
    for (const member of this.#members) {
      const replica = member.life?.groups[0]?.driver.replica;
      if (replica === undefined || !replica.isLeader) continue;
      for (const client of this.#clients) client.follow(member.index, replica.state.leadershipSerial);
    }
  }

  #sample(): EnduranceSample {
    const sample: EnduranceSample = {
      tick: this.#tick,
      commands: this.#clients.reduce((sum, { acknowledgedEver }) => sum + acknowledgedEver, 0),
      segmentBytes: Math.max(...this.#members.map(({ disk }) => disk.segments.size * LOG_SEGMENT_BYTES)),
      logKeptBytes: Math.max(...this.#members.map(({ life }) => keptOf(life?.host.log))),
      snapshotBytes: Math.max(...this.#members.map(({ snapshots }) => snapshots.bytes)),
      snapshots: this.#counts.snapshot,
      installs: this.#counts.snapshotInstall,
      memoryBytes: this.#memory(),
    };
    this.samples.push(sample);
    this.#compare();
    return sample;
  }

  /** Members that applied the same have the same state. */
  #compare(): void {
    const digests = new Map<number, number>();
    for (const { life } of this.#members) {
      const driver = life?.groups[0]?.driver;
      if (driver === undefined) continue;
      const other = digests.get(driver.appliedWatermark);
      if (other !== undefined && other !== driver.applier.digest)
        this.violation ||= `two states at watermark ${driver.appliedWatermark}`;
      digests.set(driver.appliedWatermark, driver.applier.digest);
    }
  }

  /** What grew, in words; empty where nothing did. The first quarter is warming up. */
  growth(): string {
    const quarter = Math.floor(this.samples.length / 4);
    const before = this.samples.slice(quarter, 2 * quarter);
    const late = this.samples.slice(-quarter);
    const most = (samples: readonly EnduranceSample[], figure: Figure): number =>
      Math.max(...samples.map((sample) => sample[figure]));
    return FIGURES.filter(([figure, slack]) => most(late, figure) > 1.1 * most(before, figure) + slack)
      .map(([figure]) => `${figure}: ${most(before, figure)} before, ${most(late, figure)} at the end`)
      .join('; ');
  }
}

type Figure = 'segmentBytes' | 'logKeptBytes' | 'snapshotBytes' | 'memoryBytes';

const FIGURES: readonly (readonly [Figure, slack: number])[] = [
  ['segmentBytes', DISK_SLACK_BYTES],
  ['logKeptBytes', DISK_SLACK_BYTES],
  ['snapshotBytes', MEMORY_SLACK_BYTES],
  ['memoryBytes', MEMORY_SLACK_BYTES],
];

function keptOf(log: { appendedPosition: number; firstPosition: number } | undefined): number {
  return log === undefined ? 0 : log.appendedPosition - log.firstPosition;
}
