/**
 * Keeps one long task per worker running on a piscina pool: start handshake, restart after a death, watchdog, orderly stop.
 *
 *   start ─▶ 'ready' ─▶ runs until STOP ─▶ resolved
 *              │ exits, throws, runs out of memory, is terminated
 *              ▼
 *   others suspect the replica ─▶ its log handle drained and closed ─▶ back-off ─▶ start with owner epoch + 1   (S22)
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ControlMessage, WorkerData, WorkerMessage } from '../../workers/worker-data.ts';
import { type ErrorCode, SynodError } from '../base/errors.ts';
import {
  WORKER_BEAT_WORD,
  WORKER_CONTROL_WORD,
  WORKER_DOORBELL_WORD,
  WORKER_OWNER_WORD,
  WORKER_STOP_WORD,
  WORKER_THREAD_ID_WORD,
} from '../memory/descriptor.ts';
import { Doorbell, type Waker } from '../memory/doorbell.ts';

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5000;
/** A worker that was up for so long is restarted without delay. */
const SOUND_MS = 60_000;
/** Longest wait for the runs at the end; then their threads are ended. */
const CLOSE_MS_MAX = 5000;
const WATCH_MS = 1000;
const SILENT_BEATS_WARN = 5;
const SILENT_BEATS_END = 30;
const HEAP_MB = 4096;

type ReadyMessage = Extract<WorkerMessage, { kind: 'ready' }>;

/** One worker of one replica, over all its restarts. */
export interface WorkerSlot {
  readonly replica: number;
  readonly worker: number;
  readonly block: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly doorbell: Doorbell;
  epoch: number;
  restarts: number;
  isUp: boolean;
  ready: ReadyMessage | undefined;
  port: MessagePort | undefined;
  beat: number;
  silentBeats: number;
  run: Promise<void> | undefined;
  /** Set while a start waits for its handshake. */
  failStart: ((error: unknown) => void) | undefined;
  /** Deaths in a row, and when it was up last: they set the back-off. */
  deaths: number;
  upSince: number;
}

export interface SupervisorOptions {
  entry: URL;
  /** Everything of a worker's birth data but the epoch and the port. */
  birthData(replica: number, worker: number): Omit<WorkerData, 'ownerEpoch' | 'control'>;
  wakerOf(block: SharedArrayBuffer): Waker;
  startTimeoutMs: number;
  /** The dead worker's log: nothing of it may be in flight when this returns (S22). */
  closeLog(replica: number, worker: number): void;
  onMessage(slot: WorkerSlot, message: WorkerMessage): void;
  onDown(slot: WorkerSlot, error: unknown): void;
  onUp(slot: WorkerSlot): void;
  onWarning(text: string): void;
}

export class Supervisor {
  readonly slots: WorkerSlot[] = [];
  readonly #options: SupervisorOptions;
  readonly #pool: Piscina;
  readonly #watch: NodeJS.Timeout;
  /** Threads of the pool until their exit, also those that the pool has given up. */
  readonly #threads = new Map<number, Worker>();
  #isClosing = false;

  constructor(blocks: readonly (readonly SharedArrayBuffer[])[], options: SupervisorOptions) {
    this.#options = options;
    blocks.forEach((row, replica) => {
      row.forEach((block, worker) => {
        this.slots.push(makeSlot(replica, worker, block, options.wakerOf(block)));
      });
    });
    this.#pool = new Piscina({
      filename: options.entry.href,
      minThreads: this.slots.length,
      maxThreads: this.slots.length,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      recordTiming: false,
      closeTimeout: 5000,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#pool.on('error', (error) => this.#onPoolError(error));
    this.#pool.on('workerCreate', () => this.#noteThreads());
    this.#watch = setInterval(() => this.#checkBeats(), WATCH_MS);
    this.#watch.unref();
  }

  /** Starts every worker and waits until all are ready. */
  async start(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.#launch(slot)));
    for (const slot of this.slots) this.#superviseRun(slot);
  }

  slot(replica: number, worker: number): WorkerSlot {
    const found = this.slots.find((slot) => slot.replica === replica && slot.worker === worker);
    if (found === undefined)
      throw new SynodError('ERR_SYNOD_CONFIG', `There is no worker ${worker} of replica ${replica}.`);
    return found;
  }

  /** Posts a control message and announces it. */
  post(slot: WorkerSlot, message: ControlMessage): void {
    if (slot.port === undefined) return;
    slot.port.postMessage(message);
    Atomics.add(slot.words, WORKER_CONTROL_WORD, 1);
    slot.doorbell.ring();
  }

  /** Ends a worker's thread as a crash would; supervision brings it back. */
  terminate(slot: WorkerSlot): void {
    void this.#endThread(slot);
  }

  /** Ends the slot's thread, if one runs, and waits for its exit. */
  async #endThread(slot: WorkerSlot): Promise<void> {
    this.#noteThreads();
    await this.#threads.get(Atomics.load(slot.words, WORKER_THREAD_ID_WORD))?.terminate();
  }

  #noteThreads(): void {
    for (const thread of this.#pool.threads) {
      const id = thread.threadId;
      if (id < 0 || this.#threads.has(id)) continue;
      this.#threads.set(id, thread);
      thread.once('exit', () => this.#threads.delete(id));
    }
  }

  /** Raises STOP for everybody, waits for the runs, closes the pool. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#watch);
    for (const slot of this.slots) {
      Atomics.store(slot.words, WORKER_STOP_WORD, 1);
      slot.doorbell.ring();
    }
    const isOrderly = await within(CLOSE_MS_MAX, Promise.allSettled(this.slots.map((slot) => slot.run)));
    for (const slot of this.slots) slot.port?.close();
    if (isOrderly) {
      await this.#pool.close({ force: true });
    } else {
      await this.#pool.destroy();
      for (const slot of this.slots) this.#options.closeLog(slot.replica, slot.worker);
    }
  }

  /**
   * A thread of the pool died without a task: it could not load the worker's file. A task that waits for such a thread would
   * wait in vain, so starts that have not reached a thread fail now; should one begin later, its epoch stops it.
   */
  #onPoolError(error: unknown): void {
    this.#options.onWarning(`worker pool: ${String(error)}`);
    for (const slot of this.slots) {
      if (Atomics.load(slot.words, WORKER_THREAD_ID_WORD) === 0) slot.failStart?.(startFailure(slot, error));
    }
  }

  /** Starts a task and waits for its handshake. */
  #launch(slot: WorkerSlot): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    slot.epoch += 1;
    slot.port = port1;
    slot.ready = undefined;
    Atomics.store(slot.words, WORKER_OWNER_WORD, slot.epoch);
    Atomics.store(slot.words, WORKER_THREAD_ID_WORD, 0);
    const data: WorkerData = {
      ...this.#options.birthData(slot.replica, slot.worker),
      ownerEpoch: slot.epoch,
      control: port2,
    };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#lateStart(slot)), this.#options.startTimeoutMs);
      const settle = (error?: unknown): void => {
        clearTimeout(timer);
        slot.failStart = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      slot.failStart = settle;
      port1.on('message', (message: WorkerMessage) => {
        if (message.kind === 'progress') timer.refresh();
        this.#onMessage(slot, message, settle);
      });
      port1.unref();
      slot.run = this.#pool.run(data, { name: 'run', transferList: [port2] });
      slot.run.catch((error: unknown) => {
        // The task's own account, posted before it threw, keeps the code that the rejection lost on its way.
        for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) {
          this.#onMessage(slot, next.message as WorkerMessage, settle);
        }
        settle(startFailure(slot, error));
      });
    });
  }

  #lateStart(slot: WorkerSlot): SynodError {
    const seconds = this.#options.startTimeoutMs / 1000;
    return new SynodError(
      'ERR_SYNOD_WORKER_START',
      `Worker ${slot.worker} of replica ${slot.replica} was silent for ${seconds} s before it was ready: raise startTimeoutMs, or look at its log directory.`,
    );
  }

  #onMessage(slot: WorkerSlot, message: WorkerMessage, settle: (error?: unknown) => void): void {
    if (message.kind === 'ready') {
      slot.ready = message;
      slot.isUp = true;
      slot.silentBeats = 0;
      slot.upSince = performance.now();
      this.#options.onUp(slot);
      settle();
    } else if (message.kind === 'error' && slot.ready === undefined) {
      settle(new SynodError(message.code as ErrorCode, message.message));
    }
    this.#options.onMessage(slot, message);
  }

  /** Waits for the run to end; unless that was asked for, brings the worker back. */
  #superviseRun(slot: WorkerSlot): void {
    const ended = (error: unknown): void => {
      if (!this.#isClosing) void this.#revive(slot, error);
    };
    slot.run?.then(() => ended(undefined), ended);
  }

  async #revive(slot: WorkerSlot, cause: unknown): Promise<void> {
    let error = cause;
    while (!this.#isClosing) {
      slot.isUp = false;
      slot.port?.close();
      this.#options.onDown(slot, error);
      await this.#endThread(slot);
      this.#options.closeLog(slot.replica, slot.worker);
      await delay(backOff(slot));
      if (this.#isClosing) return;
      slot.restarts += 1;
      try {
        await this.#launch(slot);
        this.#superviseRun(slot);
        return;
      } catch (failure) {
        error = failure;
      }
    }
  }

  /** A thread whose duty cycle stands still is reported, then ended. */
  #checkBeats(): void {
    for (const slot of this.slots) {
      const beat = Atomics.load(slot.words, WORKER_BEAT_WORD);
      slot.silentBeats = slot.isUp && beat === slot.beat ? slot.silentBeats + 1 : 0;
      slot.beat = beat;
      if (slot.silentBeats === SILENT_BEATS_WARN) {
        this.#options.onWarning(
          `worker ${slot.worker} of replica ${slot.replica} has stood still for ${SILENT_BEATS_WARN} s`,
        );
      }
      if (slot.silentBeats === SILENT_BEATS_END) this.terminate(slot);
    }
  }
}

function makeSlot(replica: number, worker: number, block: SharedArrayBuffer, waker: Waker): WorkerSlot {
  return {
    replica,
    worker,
    block,
    words: new Int32Array(block),
    doorbell: new Doorbell(block, WORKER_DOORBELL_WORD, waker),
    epoch: 0,
    restarts: 0,
    isUp: false,
    ready: undefined,
    port: undefined,
    beat: 0,
    silentBeats: 0,
    run: undefined,
    failStart: undefined,
    deaths: 0,
    upSince: Number.NEGATIVE_INFINITY,
  };
}

/** Milliseconds until the next start: none after a sound life, then doubling. */
function backOff(slot: WorkerSlot): number {
  if (performance.now() - slot.upSince > SOUND_MS && slot.upSince > 0) slot.deaths = 0;
  slot.deaths += 1;
  return slot.deaths === 1 ? 0 : Math.min(BACKOFF_MS_MIN * 2 ** (slot.deaths - 2), BACKOFF_MS_MAX);
}

function startFailure(slot: WorkerSlot, cause: unknown): SynodError {
  if (cause instanceof SynodError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SynodError(
    'ERR_SYNOD_WORKER_START',
    `Worker ${slot.worker} of replica ${slot.replica} did not start: ${message}`,
    { cause },
  );
}

/** True when the promise was settled in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
