/** A TCP echo in a thread of its own: what a round trip over loopback costs here with `node:net` at both ends. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

const MESSAGE = Buffer.alloc(64);

export class LoopbackEcho {
  readonly #worker: Worker;
  readonly #socket: Socket;

  private constructor(worker: Worker, socket: Socket) {
    this.#worker = worker;
    this.#socket = socket;
  }

  static async open(): Promise<LoopbackEcho> {
    const worker = new Worker(new URL('./loopback-thread.js', import.meta.url));
    const [port] = (await once(worker, 'message')) as [number];
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    return new LoopbackEcho(worker, socket);
  }

  /** Microseconds for 64 bytes there and back. */
  async roundTrip(): Promise<number> {
    const start = performance.now();
    this.#socket.write(MESSAGE);
    await once(this.#socket, 'data');
    return (performance.now() - start) * 1e3;
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#worker.terminate();
  }
}
