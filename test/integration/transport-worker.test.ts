/** The transport worker as a thread of its own, as a piscina task: rings, doorbells and the control port between threads. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  WORKER_DOORBELL_WORD,
  WORKER_OWNER_WORD,
  WORKER_READY_WORD,
  WORKER_STOP_WORD,
} from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../src/memory/doorbell.ts';
import type { TransportMessage } from '../../workers/worker-data.ts';
import { TestNode, until } from '../support/transport-kit.ts';

const test = suite('integration/transport-worker');
const ENTRY = new URL(
  `../../workers/transport-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

/** A node whose transport runs on a thread. */
class ThreadNode {
  readonly node: TestNode;
  readonly messages: TransportMessage[] = [];
  readonly #pool = new Piscina({ filename: ENTRY.href, minThreads: 1, maxThreads: 1, atomics: 'disabled' });
  readonly #words: Int32Array;
  #port: MessagePort | undefined = undefined;
  run: Promise<unknown> = Promise.resolve();
  epoch = 0;

  constructor(memberIndex: number) {
    this.node = new TestNode({ memberIndex, memberCount: 2 });
    this.node.data.control.close();
    this.#words = new Int32Array(this.node.data.block);
    this.#pool.on('error', () => {});
  }

  start(): void {
    const { port1, port2 } = new MessageChannel();
    this.epoch += 1;
    Atomics.store(this.#words, WORKER_OWNER_WORD, this.epoch);
    Atomics.store(this.#words, WORKER_STOP_WORD, 0);
    port1.on('message', (message: TransportMessage) => this.messages.push(message));
    this.#port = port1;
    const data = { ...this.node.data, ownerEpoch: this.epoch, control: port2 };
    this.run = this.#pool.run(data, { name: 'run', transferList: [port2] });
    this.run.catch(() => {});
  }

  get port(): number {
    const ready = this.messages.findLast((message) => message.kind === 'ready');
    return ready?.kind === 'ready' ? ready.port : 0;
  }

  get isReady(): boolean {
    return Atomics.load(this.#words, WORKER_READY_WORD) === 1;
  }

  post(message: object): void {
    this.#port?.postMessage(message);
  }

  /** As a crash would: the thread ends where it stands. */
  async crash(): Promise<void> {
    await this.#pool.threads[0]?.terminate();
    await this.run.catch(() => {});
  }

  async stop(): Promise<void> {
    Atomics.store(this.#words, WORKER_STOP_WORD, 1);
    const { block } = this.node.data;
    new Doorbell(block, WORKER_DOORBELL_WORD, new AtomicsWaker(block)).ring();
    await this.run;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#pool.close({ force: true });
  }
}

/** Two nodes that know each other, started. */
async function open(): Promise<[ThreadNode, ThreadNode]> {
  const [a, b] = [new ThreadNode(0), new ThreadNode(1)];
  b.start();
  await until(() => b.port > 0);
  (a.node.data.members[1] as { port: number }).port = b.port;
  a.start();
  await until(() => isUp(a, b));
  return [a, b];
}

const isUp = (a: ThreadNode, b: ThreadNode): boolean => a.node.link(1).state === 'up' && b.node.link(0).state === 'up';

test('two threads carry frames between their nodes, woken by doorbells, and end when told', async () => {
  const [a, b] = await open();
  const COUNT = 20_000;
  let sent = 0;
  await until(() => {
    for (let i = 0; i < 500 && sent < COUNT; i++, sent++) if (!a.node.send(1, 0, sent, 64 + (sent % 3) * 100)) break;
    b.node.poll();
    // On a busy machine this thread may leave its ring full for longer than is waited for.
    return b.node.arrivals.length + b.node.link(0).dropsIn === COUNT;
  });
  assert.ok(b.node.arrivals.length > 0);
  b.node.send(0, 1, 5);
  await until(() => a.node.poll() > 0);
  await a.close();
  await until(() => b.node.link(0).state === 'down' && b.node.link(0).reason === 'stopping');
  await b.close();
  assert.not.ok(b.isReady);
});

test('a replacement of a crashed transport worker takes the rings over and connects anew', async () => {
  const [a, b] = await open();
  await a.crash();
  await until(() => b.node.link(0).state !== 'up');
  // The dead thread's word still says up: what is sent now is dropped by the replacement, with what was under way.
  a.node.send(1, 0, 1);
  a.start();
  await until(() => isUp(a, b) && b.node.link(0).connects === 2);
  a.node.send(1, 0, 2);
  await until(() => b.node.poll() > 0);
  assert.is(b.node.arrivals.at(-1)?.mark, 2);
  await a.close();
  await b.close();
});

test('a task of an older epoch does not touch the rings', async () => {
  const a = new ThreadNode(0);
  a.start();
  await until(() => a.isReady);
  const stale = a.epoch;
  await a.stop();
  a.epoch = stale;
  Atomics.store(new Int32Array(a.node.data.block), WORKER_OWNER_WORD, stale + 1);
  const { port2 } = new MessageChannel();
  const pool = new Piscina({ filename: ENTRY.href, minThreads: 1, maxThreads: 1, atomics: 'disabled' });
  const data = { ...a.node.data, ownerEpoch: stale, control: port2 };
  try {
    await pool.run(data, { name: 'run', transferList: [port2] });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /Another task owns the rings/);
  }
  await pool.close({ force: true });
  await a.close();
});

test('an address that cannot be listened on ends the start with a code', async () => {
  const a = new ThreadNode(0);
  a.start();
  await until(() => a.port > 0);
  const b = new ThreadNode(1);
  b.node.data.listen.port = a.port;
  b.start();
  await until(() => b.messages.some(({ kind }) => kind === 'error'));
  const error = b.messages.find(({ kind }) => kind === 'error');
  assert.ok(error?.kind === 'error' && error.code === 'ERR_SYNOD_LISTEN');
  await b.run.catch(() => {});
  await a.close();
});

test('a node that moved is found where the control port says', async () => {
  const [a, b] = await open();
  await b.stop();
  await until(() => a.node.link(1).state !== 'up');
  b.start();
  await until(() => b.messages.filter(({ kind }) => kind === 'ready').length === 2);
  a.post({ kind: 'address', memberIndex: 1, host: '127.0.0.1', port: b.port });
  await until(() => isUp(a, b));
  await a.close();
  await b.close();
});

test.run();
