/**
 * The duty cycle of the transport worker, a thread with an event loop: it never parks, it waits with `Atomics.waitAsync`.
 *
 *   doorbell (group workers), room (sockets), upgrades ─▶ turn: outbound rings ─▶ channels ─ work? again │ none: announce sleep, look
 *   socket data ─▶ inbound rings ─▶ doorbells of group workers                                             once more, wait
 *   every HOUSEKEEPING_MS: dials, pings, deadlines, beat
 */
import { HOUSEKEEPING_MS } from '../limits.ts';
import { WORKER_BEAT_WORD, WORKER_STOP_WORD } from '../memory/descriptor.ts';
import type { Sleeper } from '../memory/doorbell.ts';

/** A full inbound ring is looked at again after so long: its consumer rings no bell. */
const STALL_RETRY_MS = 1;
/** A doorbell lost to an error costs no more than this; housekeeping turns come sooner anyway. */
const WAIT_MS = 1000;

/** What the agent drives; link-manager has this form. */
export interface AgentLinks {
  turn(): number;
  isDue(): boolean;
  readonly isStalled: boolean;
  retryStalled(): void;
  housekeep(nowMs: number): void;
}

export interface TransportAgentPorts {
  /** Worker block. */
  words: Int32Array;
  sleeper: Sleeper;
  now(): number;
  /** Called with each housekeeping. */
  onHousekeeping(nowMs: number): void;
}

export class TransportAgent {
  readonly #links: AgentLinks;
  readonly #ports: TransportAgentPorts;
  #isScheduled = false;
  #isWaiting = false;
  #isStopped = false;
  #stallTimer: NodeJS.Timeout | undefined = undefined;
  #housekeeping: NodeJS.Timeout | undefined = undefined;
  #onStop: () => void = () => {};

  constructor(links: AgentLinks, ports: TransportAgentPorts) {
    this.#links = links;
    this.#ports = ports;
  }

  /** Runs until the coordinator raises STOP. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStop = resolve;
      this.#housekeeping = setInterval(() => this.#housekeep(), HOUSEKEEPING_MS);
      this.#housekeep();
    });
  }

  /** There may be work. */
  readonly wake = (): void => {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  };

  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const { words } = this.#ports;
    words[WORKER_BEAT_WORD] = ((words[WORKER_BEAT_WORD] as number) + 1) | 0;
    if (Atomics.load(words, WORKER_STOP_WORD) !== 0) {
      this.#stop();
      return;
    }
    const work = this.#links.turn();
    if (this.#links.isStalled && this.#stallTimer === undefined) {
      this.#stallTimer = setTimeout(this.#retry, STALL_RETRY_MS);
    }
    if (work > 0) this.wake();
    else this.#sleep();
  };

  readonly #retry = (): void => {
    this.#stallTimer = undefined;
    if (this.#isStopped) return;
    this.#links.retryStalled();
    this.wake();
  };

  /** Announces sleep, looks at all sources again, then waits. A wait that is under way still counts. */
  #sleep(): void {
    if (this.#isWaiting) return;
    const { sleeper, words } = this.#ports;
    sleeper.prepare();
    const wait =
      this.#links.isDue() || Atomics.load(words, WORKER_STOP_WORD) !== 0 ? undefined : sleeper.asyncWait(WAIT_MS);
    if (wait === undefined) {
      sleeper.cancel();
      this.wake();
      return;
    }
    this.#isWaiting = true;
    void wait.then(this.#onRung);
  }

  readonly #onRung = (): void => {
    this.#isWaiting = false;
    this.#ports.sleeper.cancel();
    this.#turn();
  };

  #housekeep(): void {
    const now = this.#ports.now();
    this.#links.housekeep(now);
    this.#ports.onHousekeeping(now);
    this.wake();
  }

  #stop(): void {
    this.#isStopped = true;
    clearInterval(this.#housekeeping);
    clearTimeout(this.#stallTimer);
    this.#onStop();
  }
}
