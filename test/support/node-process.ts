/** A node in a process of its own: its calls, and what can befall a process. */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:net';
import type { NodeOptions, NodeStatus, ProposeOptions, ReadOptions } from '../../src/index.ts';
import type { AnswerMessage, NodeCalls } from './node-main.ts';

/** The process ended before it answered: whatever was asked may or may not have happened. */
export class ProcessGone extends Error {}

/** An error as the node gave it. */
export class NodeError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor({ code, message, retryable }: NonNullable<AnswerMessage['error']>) {
    super(`${code}: ${message}`);
    this.code = code;
    this.retryable = retryable;
  }
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class NodeProcess {
  readonly warnings: string[] = [];
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #exit: Promise<void>;
  #next = 1;

  private constructor() {
    this.#child = fork(new URL('./node-main.js', import.meta.url), {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: AnswerMessage & { warning?: string }) => this.#onMessage(message));
    this.#exit = new Promise((resolve) => {
      this.#child.once('exit', () => {
        for (const { reject } of this.#pending.values()) reject(new ProcessGone('the process ended'));
        this.#pending.clear();
        resolve();
      });
    });
  }

  static async open(options: NodeOptions): Promise<NodeProcess> {
    const process = new NodeProcess();
    try {
      await process.#call('open', options);
    } catch (error) {
      await process.kill();
      throw error;
    }
    return process;
  }

  #onMessage({ id, value, error, warning }: AnswerMessage & { warning?: string }): void {
    if (warning !== undefined) {
      this.warnings.push(warning);
      return;
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(value);
    else pending?.reject(new NodeError(error));
  }

  #call<Name extends keyof NodeCalls>(name: Name, ...args: Parameters<NodeCalls[Name]>): ReturnType<NodeCalls[Name]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, name, args }, (error) => {
        if (error === null) return;
        this.#pending.delete(id);
        reject(new ProcessGone('the process ended'));
      });
    }) as ReturnType<NodeCalls[Name]>;
  }

  ready(timeoutMs = 30_000): Promise<void> {
    return this.#call('ready', timeoutMs);
  }

  propose(key: string, command: Uint8Array, options: ProposeOptions = {}): Promise<Uint8Array> {
    return this.#call('propose', key, command, options);
  }

  read(key: string, query: Uint8Array, options: ReadOptions = {}): Promise<Uint8Array> {
    return this.#call('read', key, query, options);
  }

  status(): Promise<NodeStatus> {
    return this.#call('status');
  }

  inspect(shard: number, query: Uint8Array): Promise<{ applied: number; reply: Uint8Array }> {
    return this.#call('inspect', shard, query);
  }

  transfer(shard: number, node: number): Promise<void> {
    return this.#call('transfer', shard, node);
  }

  snapshot(shard: number): Promise<void> {
    return this.#call('snapshot', shard);
  }

  block(ms: number): Promise<void> {
    return this.#call('block', ms);
  }

  /** Closes the node, then its process. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await this.#call('close');
    this.#child.disconnect();
    await this.#exit;
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

/** Ports of the loopback interface that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
