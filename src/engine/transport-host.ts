/**
 * Keeps the node's transport worker running: one long task on a thread of its own, started again after a death. While none runs all
 * links are down, which group workers see in the link status block.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { TransportControl, TransportData, TransportMessage } from '../../workers/worker-data.ts';
import { type ErrorCode, SynodError } from '../base/errors.ts';
import {
  WORKER_CONTROL_WORD,
  WORKER_DOORBELL_WORD,
  WORKER_OWNER_WORD,
  WORKER_STOP_WORD,
} from '../memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../memory/doorbell.ts';
import { LinkStatusWriter } from '../transport/link-status.ts';

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5000;
const CLOSE_MS_MAX = 5000;

type ReadyMessage = Extract<TransportMessage, { kind: 'ready' }>;

export interface TransportHostOptions {
  block: SharedArrayBuffer;
  linkStatus: SharedArrayBuffer;
  members: number;
  startTimeoutMs: number;
  /** Everything of the worker's birth data but the epoch and the port; asked for at each start. */
  birthData(): Omit<TransportData, 'ownerEpoch' | 'control'>;
  onMessage(message: TransportMessage): void;
  onDown(error: unknown): void;
  entry: URL;
}

export class TransportHost {
  readonly #options: TransportHostOptions;
  readonly #words: Int32Array;
  readonly #doorbell: Doorbell;
  readonly #pool: Piscina;
  #epoch = 0;
  #port: MessagePort | undefined;
  #run: Promise<void> = Promise.resolve();
  #isClosing = false;
  #deaths = 0;
  /** Where the node listens, once it does. */
  address: { host: string; port: number } | undefined;

  constructor(options: TransportHostOptions) {
    this.#options = options;
    this.#words = new Int32Array(options.block);
    this.#doorbell = new Doorbell(options.block, WORKER_DOORBELL_WORD, new AtomicsWaker(options.block));
    this.#pool = new Piscina({
      filename: options.entry.href,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      recordTiming: false,
      closeTimeout: CLOSE_MS_MAX,
    });
    this.#pool.on('error', (error) => this.#options.onDown(error));
  }

  /** Resolves when the node listens. Rejects with the worker's SynodError. */
  async start(): Promise<void> {
    await this.#launch();
    this.#supervise();
  }

  post(message: TransportControl): void {
    if (this.#port === undefined) return;
    this.#port.postMessage(message);
    Atomics.add(this.#words, WORKER_CONTROL_WORD, 1);
    this.#doorbell.ring();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    Atomics.store(this.#words, WORKER_STOP_WORD, 1);
    this.#doorbell.ring();
    const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref());
    await Promise.race([this.#run.catch(() => {}), late]);
    this.#port?.close();
    await this.#pool.close({ force: true });
  }

  #launch(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    this.#epoch += 1;
    this.#port = port1;
    Atomics.store(this.#words, WORKER_OWNER_WORD, this.#epoch);
    const data: TransportData = { ...this.#options.birthData(), ownerEpoch: this.#epoch, control: port2 };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(lateStart(this.#options.startTimeoutMs)), this.#options.startTimeoutMs);
      const settle = (error?: unknown): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      port1.on('message', (message: TransportMessage) => this.#onMessage(message, settle));
      port1.unref();
      this.#run = this.#pool.run(data, { name: 'run', transferList: [port2] });
      this.#run.catch((error: unknown) => setImmediate(settle, error));
    });
  }

  #onMessage(message: TransportMessage, settle: (error?: unknown) => void): void {
    if (message.kind === 'ready') this.#onReady(message, settle);
    else if (message.kind === 'error') settle(new SynodError(message.code as ErrorCode, message.message));
    this.#options.onMessage(message);
  }

  #onReady({ host, port }: ReadyMessage, settle: () => void): void {
    this.address = { host, port };
    this.#deaths = 0;
    settle();
  }

  #supervise(): void {
    const ended = (error: unknown): void => {
      if (!this.#isClosing) void this.#revive(error);
    };
    this.#run.then(() => ended(undefined), ended);
  }

  async #revive(cause: unknown): Promise<void> {
    let error = cause;
    while (!this.#isClosing) {
      this.#port?.close();
      for (let member = 0; member < this.#options.members; member++)
        new LinkStatusWriter(this.#options.linkStatus, member).setDown();
      this.#options.onDown(error);
      this.#deaths += 1;
      await delay(Math.min(BACKOFF_MS_MIN * 2 ** (this.#deaths - 1), BACKOFF_MS_MAX));
      if (this.#isClosing) return;
      try {
        await this.start();
        return;
      } catch (failure) {
        error = failure;
      }
    }
  }
}

function lateStart(startTimeoutMs: number): SynodError {
  return new SynodError(
    'ERR_SYNOD_WORKER_START',
    `The transport worker was not ready within ${startTimeoutMs / 1000} s: raise startTimeoutMs, or look at its address.`,
  );
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
