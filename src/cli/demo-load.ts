/**
 * Drives all clients from the event loop's thread: keeps their lanes full, polls them, and yields, so that the
 * coordinator's own work, signals and the live line get their turns. In the middle it has a worker killed.
 *
 *   turn: poll all ─▶ fill all ─▶ … until TURN_MS passed ─▶ yield (setImmediate)
 *         nothing moved: nap a moment; still nothing: wait for the client doorbell
 *
 *   ├─ warm-up ─┤── steady ──┤ kill ── fail-over ── ─┤ drain ┤
 */
import { assert } from '../base/assert.ts';
import type { DemoClient } from './demo-client.ts';
import { GapTracker } from './gap-tracker.ts';

/** Moments of the run at which others act. All are called on a turn of the loop. */
export interface LoadEvents {
  /** The warm-up is over: measuring begins. */
  onSteady(): void;
  /** Steady state ends. The kill waits for the promise: a dead worker could not tell what it measured. */
  onSteadyEnd(): Promise<void>;
  /** Kills the worker of a leader; undefined when nothing can be killed. */
  onKill(): Kill | undefined;
  /** About once a second. */
  onSecond(second: number): void;
}

/** `performance`, or a test's own. Milliseconds. */
export interface LoadClock {
  now(): number;
}

export interface Kill {
  replica: number;
  /** What the worker led. */
  shards: readonly number[];
  /** Resolves once the worker's thread is gone. */
  gone: Promise<void>;
}

export interface LoadPlan {
  seconds: number;
  /** The load ends early when it has issued so many: no more fit the space that was checked. */
  commandsMax: number;
  /** Commands in flight of all clients together, at most. */
  inFlight: number;
  drainMs: number;
}

/** Completions taken from one lane, and commands given to it, before the next one gets its turn. */
const BURST = 1024;
/** Longest stretch between two turns of the event loop. */
const TURN_MS = 4;
/** A nap gives the processor to the workers without the garbage of a promise; so many in a row, then a real wait. */
const NAP_MS = 0.2;
const NAPS_MAX = 10;
/** With fewer in flight latency counts, not throughput: no naps. */
const NAP_IN_FLIGHT_MIN = 1024;
const WAIT_MS = 20;
const WARM_UP_SHARE = 0.1;
const KILL_SHARE = 0.5;
/** The kill waits so long for what was measured. */
const MEASURED_MS_MAX = 500;

export class DemoLoad {
  readonly gaps: GapTracker;
  /** Measured length of the load. */
  seconds = 0;
  /** Acknowledged while the load lasted, without the drain. */
  acknowledged = 0;
  readonly #clients: readonly DemoClient[];
  readonly #plan: LoadPlan;
  readonly #events: LoadEvents;
  readonly #clock: LoadClock;
  readonly #startMs: number;
  /** [milliseconds], as the gaps see them. */
  readonly #now = new Float64Array(1);
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  readonly #turn = (): void => this.#takeTurn();
  readonly #napsMax: number;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #phase: 'warm-up' | 'steady' | 'measured' | 'killed' | 'drain' = 'warm-up';
  #issued = 0;
  #second = 0;
  #drainMs: number;
  #drainEndMs = 0;
  #isStopped = false;
  #isMeasured = false;
  #measuredByMs = 0;
  #isGone = false;
  #idle = 0;

  constructor(
    clients: readonly DemoClient[],
    shards: number,
    plan: LoadPlan,
    events: LoadEvents,
    clock: LoadClock = performance,
  ) {
    assert(clients.length > 0, 'a load has a client');
    this.#clients = clients;
    this.#plan = plan;
    this.#events = events;
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#drainMs = plan.drainMs;
    this.#napsMax = plan.inFlight >= NAP_IN_FLIGHT_MIN ? NAPS_MAX : 0;
    this.#now[0] = this.#startMs;
    this.gaps = new GapTracker(shards, this.#now);
  }

  /** Resolves when all is acknowledged, or when the drain's time is over. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#takeTurn();
    });
  }

  /** Issues nothing more, and waits at most `drainMs` for what is in flight. */
  stop(drainMs: number): void {
    this.#isStopped = true;
    this.#drainMs = drainMs;
    if (this.#phase === 'drain') this.#drainEndMs = Math.min(this.#drainEndMs, this.#clock.now() + drainMs);
  }

  get unknown(): number {
    let unknown = 0;
    for (const { ledger } of this.#clients) unknown += ledger.unknown;
    return unknown;
  }

  #fail(error: unknown): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
  }

  #takeTurn(): void {
    if (this.#settle === undefined) return;
    try {
      this.#cycle();
      if (this.#isOver(this.#clock.now())) this.#settle.resolve();
      else this.#yield();
    } catch (error) {
      this.#fail(error);
    }
  }

  #yield(): void {
    if (this.#idle <= this.#napsMax) {
      setImmediate(this.#turn);
      return;
    }
    const [client] = this.#clients as [DemoClient];
    client.lane.wait(WAIT_MS).then(this.#turn, (error) => this.#fail(error));
  }

  /** Polls and fills until the turn is over. */
  #cycle(): void {
    const endMs = this.#clock.now() + TURN_MS;
    let nowMs = 0;
    do {
      const moved = this.#pollAll() + this.#fillAll();
      nowMs = this.#clock.now();
      if (moved > 0) this.#idle = 0;
      else if (++this.#idle <= this.#napsMax) Atomics.wait(this.#nap, 0, 0, NAP_MS);
      else break;
    } while (nowMs < endMs);
    this.#advance(nowMs);
  }

  #pollAll(): number {
    let polled = 0;
    for (let i = 0; i < this.#clients.length; i++) {
      const client = this.#clients[i] as DemoClient;
      const count = client.poll(BURST);
      if (count > 0) {
        this.#now[0] = this.#clock.now();
        this.gaps.acknowledged(client.shard);
      }
      polled += count;
    }
    if (this.#phase !== 'drain') this.acknowledged += polled;
    return polled;
  }

  #fillAll(): number {
    if (this.#phase === 'drain') return 0;
    let filled = 0;
    for (let i = 0; i < this.#clients.length; i++) {
      const room = this.#plan.commandsMax - this.#issued;
      const count = (this.#clients[i] as DemoClient).fill(room < BURST ? room : BURST);
      this.#issued += count;
      filled += count;
    }
    return filled;
  }

  /** What is due by the clock. */
  #advance(nowMs: number): void {
    const elapsed = (nowMs - this.#startMs) / 1e3;
    const { seconds, commandsMax } = this.#plan;
    if (this.#phase === 'warm-up' && elapsed >= seconds * WARM_UP_SHARE) {
      this.#phase = 'steady';
      this.#events.onSteady();
    }
    if (this.#phase === 'steady' && elapsed >= seconds * KILL_SHARE) this.#endSteady(nowMs);
    if (this.#phase === 'measured' && (this.#isMeasured || nowMs >= this.#measuredByMs)) {
      this.#phase = 'killed';
      this.#kill();
    }
    if (this.#isGone) this.#arm();
    if (Math.floor(elapsed) > this.#second) {
      this.#second = Math.floor(elapsed);
      this.#events.onSecond(this.#second);
    }
    const isDone = elapsed >= seconds || this.#issued >= commandsMax || this.#isStopped;
    if (this.#phase !== 'drain' && isDone) {
      this.#phase = 'drain';
      this.seconds = elapsed;
      this.#drainEndMs = nowMs + this.#drainMs;
      this.#now[0] = nowMs;
      this.gaps.finish();
    }
  }

  #endSteady(nowMs: number): void {
    this.#phase = 'measured';
    this.#measuredByMs = nowMs + MEASURED_MS_MAX;
    this.#events.onSteadyEnd().then(
      () => {
        this.#isMeasured = true;
      },
      (error) => this.#fail(error),
    );
  }

  #kill(): void {
    this.#now[0] = this.#clock.now();
    const kill = this.#events.onKill();
    if (kill === undefined) return;
    this.gaps.killed(kill.shards);
    kill.gone.then(
      () => {
        this.#isGone = true;
      },
      (error) => this.#fail(error),
    );
  }

  /** What the killed worker had completed is polled first: after that, an acknowledgement is another leader's. */
  #arm(): void {
    this.#isGone = false;
    while (this.#pollAll() > 0);
    this.gaps.arm();
  }

  #isOver(nowMs: number): boolean {
    return this.#phase === 'drain' && (this.unknown === 0 || nowMs >= this.#drainEndMs);
  }
}
