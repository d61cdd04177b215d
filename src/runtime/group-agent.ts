/**
 * The duty cycle of one worker thread: clock, ticks, control messages, one turn of the host, then spin or park.
 *
 *   loop │ clock → control? → host.doWork → ticks due? → ring the client? → idle: park on the doorbell (bounded)
 *
 * The thread waits on exactly one word, its doorbell; everybody who hands it something rings.
 * @hot
 */

import { PARK_US_MAX } from '../limits.ts';
import { WORKER_BEAT_WORD, WORKER_CLOCK_WORD, WORKER_CONTROL_WORD, WORKER_STOP_WORD } from '../memory/descriptor.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import type { GroupHost } from './group-host.ts';
import type { DutyHost } from './replica-host.ts';

/** What the thread gives its agent: leaves that the simulator does not have. */
export interface AgentPorts {
  block: SharedArrayBuffer;
  sleeper: Sleeper;
  /** Writes monotonic milliseconds to `clockMs[0]`. */
  readClock(): void;
  clockMs: Float64Array;
  /** Handles every waiting control message. */
  onControl(): void;
  /** Rings the application's doorbell. */
  ringClient(): void;
  /** Publishes counters that nobody needs in real time; called once per tick. */
  report(): void;
  tickMs: number;
  /** Turns without work before the thread parks. */
  idleTurns: number;
}

/** Ticks made up for after a stall at most: a thread that was stopped must not campaign on the strength of its own pause. */
const TICKS_PER_TURN = 2;

export class GroupAgent {
  readonly #host: DutyHost;
  readonly #ports: AgentPorts;
  readonly #words: Int32Array;
  #control: number;
  readonly #nextTickMs = new Float64Array(1);

  constructor(host: DutyHost, ports: AgentPorts) {
    this.#host = host;
    this.#ports = ports;
    this.#words = new Int32Array(ports.block);
    this.#control = Atomics.load(this.#words, WORKER_CONTROL_WORD) - 1;
  }

  /** Runs until the coordinator raises STOP. */
  run(): void {
    const ports = this.#ports;
    ports.readClock();
    this.#nextTickMs[0] = (ports.clockMs[0] as number) + ports.tickMs;
    let idle = 0;
    while (Atomics.load(this.#words, WORKER_STOP_WORD) === 0) {
      const work = this.turn();
      idle = work > 0 ? 0 : idle + 1;
      if (idle > ports.idleTurns) this.#park();
    }
  }

  /** One turn; returns the work done. */
  turn(): number {
    const ports = this.#ports;
    ports.readClock();
    this.#words[WORKER_BEAT_WORD] = ((this.#words[WORKER_BEAT_WORD] as number) + 1) | 0;
    const control = Atomics.load(this.#words, WORKER_CONTROL_WORD);
    if (control !== this.#control) {
      this.#control = control;
      ports.onControl();
    }
    const work = this.#host.doWork() + this.#tick();
    if (this.#takeCompleted() > 0) ports.ringClient();
    return work;
  }

  #tick(): number {
    const ports = this.#ports;
    let ticks = 0;
    while ((ports.clockMs[0] as number) >= (this.#nextTickMs[0] as number) && ticks < TICKS_PER_TURN) {
      this.#nextTickMs[0] = (this.#nextTickMs[0] as number) + ports.tickMs;
      this.#host.tick();
      ticks += 1;
    }
    if (ticks === 0) return 0;
    if (ticks === TICKS_PER_TURN) this.#nextTickMs[0] = (ports.clockMs[0] as number) + ports.tickMs;
    ports.report();
    return ticks;
  }

  #takeCompleted(): number {
    const groups = this.#host.groups;
    let completed = 0;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i] as GroupHost;
      completed += group.completed;
      group.completed = 0;
    }
    return completed;
  }

  /** Sleeps until rung, a tick is due, or PARK_US_MAX: announce, look again, then wait. */
  #park(): void {
    const ports = this.#ports;
    ports.sleeper.prepare();
    if (this.#host.doWork() > 0 || this.#takesControl()) {
      ports.sleeper.cancel();
      return;
    }
    const dueUs = ((this.#nextTickMs[0] as number) - (ports.clockMs[0] as number)) * 1000;
    const timeoutUs = dueUs < 100 ? 100 : dueUs > PARK_US_MAX ? PARK_US_MAX : dueUs;
    ports.sleeper.park(Math.floor(timeoutUs));
  }

  #takesControl(): boolean {
    return (
      Atomics.load(this.#words, WORKER_CONTROL_WORD) !== this.#control ||
      Atomics.load(this.#words, WORKER_STOP_WORD) !== 0
    );
  }
}

/** Where the clock of a worker block stands, as an index into a Float64Array over it. */
export const CLOCK_INDEX = WORKER_CLOCK_WORD / 2;
