/**
 * What must hold of links between processes, whatever carries them: three nodes, each in a process of its own. Run for shared
 * memory and libfabric's software providers by test/integration/links, and over kernel verbs by test/guest.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TransportData } from '../../workers/worker-data.ts';
import type { LinkNodeCommand, LinkNodeStatus, Received } from './link-node.ts';

const ENTRY = fileURLToPath(new URL(`./link-node${extname(import.meta.url)}`, import.meta.url));
const NODES = 3;
/** Frames of an exchange, unless told otherwise: several laps of every ring on the way. */
const FRAMES = 1200;
/** What has not come true by then never will. */
const WAIT_MS_MAX = 60_000;
/** More than a node that sends until its end comes to send. */
const ENDLESS = 10_000_000;

export interface LinksKind {
  name: string;
  /** Of TransportData. */
  transport: 'tcp' | 'shm' | 'rdma';
  provider: TransportData['rdmaProvider'];
  host: string;
  /** Frames of an exchange, for slow machines. */
  frames?: number;
  /** So slow that links are given up for silence now and then: what was in flight is lost, and what comes is still in order. */
  isLossy?: boolean;
}

/** A node's process. */
class NodeProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #asked = 0;
  port = 0;

  constructor() {
    this.#child = fork(ENTRY, { execArgv: [], serialization: 'advanced' });
    this.#child.on('message', ({ id, result, error }: { id: number; result: unknown; error?: string }) => {
      const { resolve, reject } = this.#waiting.get(id) ?? {};
      this.#waiting.delete(id);
      if (error === undefined) resolve?.(result);
      else reject?.(new Error(error));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the node is gone'));
    });
  }

  ask<Result>(command: LinkNodeCommand): Promise<Result> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, command });
    });
  }

  status(): Promise<LinkNodeStatus> {
    return this.ask({ kind: 'status' });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

class Cluster {
  readonly nodes: NodeProcess[] = [];
  readonly #kind: LinksKind;
  readonly #marks: number[] = [];

  constructor(kind: LinksKind) {
    this.#kind = kind;
  }

  async open(): Promise<void> {
    for (let member = 0; member < NODES; member++) await this.#launch(member, 1);
    await this.#address();
    for (const node of this.nodes) await node.ask({ kind: 'start' });
    await this.agreed();
  }

  async restart(member: number): Promise<void> {
    await this.#launch(member, 2);
    await this.#address();
    await this.node(member).ask({ kind: 'start' });
  }

  node(member: number): NodeProcess {
    return this.nodes[member] as NodeProcess;
  }

  /** All links, or those between the given members, are carried as wanted. */
  async agreed(members = [0, 1, 2]): Promise<void> {
    for (const member of members) {
      const peers = members.filter((other) => other !== member);
      await this.until(member, ({ transports, states }) =>
        peers.every((peer) => transports[peer] === this.#kind.transport && states[peer] === 'up'),
      );
    }
  }

  /** Asks until it holds. */
  async until(member: number, condition: (status: LinkNodeStatus) => boolean): Promise<LinkNodeStatus> {
    const deadline = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const status = await this.node(member).status();
      if (condition(status)) return status;
      if (performance.now() > deadline) throw new Error(`node ${member} waits in vain: ${JSON.stringify(status)}`);
    }
  }

  /** Sends frames and waits for the last, or for one that is sent later where some may be lost. */
  async deliver(from: number, to: number, count: number): Promise<Received> {
    const end = await this.send(from, to, count);
    const { received } = await this.until(to, (status) => {
      const isThere = (status.received[from]?.last as number) >= end - 1;
      if (!isThere && this.#kind.isLossy === true) {
        this.send(from, to, 1).catch(() => {});
      }
      return isThere;
    });
    return received[from] as Received;
  }

  /** Frames with marks that grow from call to call; resolves to the first mark that was not used. */
  async send(from: number, to: number, count: number): Promise<number> {
    const pair = from * NODES + to;
    const first = this.#marks[pair] ?? 0;
    this.#marks[pair] = count < 0 ? first + ENDLESS : first + count;
    await this.node(from).ask({ kind: 'send', to, first, count });
    return first + count;
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node.kill();
  }

  async #launch(memberIndex: number, bootCounter: number): Promise<void> {
    const { transport, provider, host } = this.#kind;
    const node = new NodeProcess();
    this.nodes[memberIndex] = node;
    const overrides = {
      transport,
      rdmaProvider: provider,
      listen: { host, port: 0 },
      insecureTransport: true,
      bootCounter,
      native: 'required' as const,
    };
    node.port = await node.ask({ kind: 'open', memberIndex, memberCount: NODES, overrides });
  }

  async #address(): Promise<void> {
    const ports = this.nodes.map(({ port }) => port);
    for (const node of this.nodes) await node.ask({ kind: 'address', host: this.#kind.host, ports });
  }
}

type LinksTest = ReturnType<typeof suite<{ cluster: Cluster }>>;

export function testLinks(kind: LinksKind): void {
  const test = suite<{ cluster: Cluster }>(`links between processes: ${kind.name}`);
  test.before(async (context) => {
    context.cluster = new Cluster(kind);
    await context.cluster.open();
  });
  test.after(({ cluster }) => cluster.close());
  testExchange(test, kind);
  testLosses(test, kind);
  test.run();
}

function testExchange(test: LinksTest, kind: LinksKind): void {
  const frames = kind.frames ?? FRAMES;
  test('status names what carries the frames', async ({ cluster }) => {
    const { providers, warnings } = await cluster.node(0).status();
    assert.equal(providers.slice(1), Array(2).fill(kind.transport === 'rdma' ? kind.provider : ''));
    assert.equal(warnings, []);
  });

  test('frames of all sizes arrive whole, once and in order, in all directions at once', async ({ cluster }) => {
    const pairs = [0, 1, 2].flatMap((from) => [0, 1, 2].flatMap((to) => (from === to ? [] : [[from, to] as const])));
    const arrived = await Promise.all(pairs.map(([from, to]) => cluster.deliver(from, to, frames)));
    for (const { last, isInOrder } of arrived) {
      assert.is(isInOrder, true);
      if (kind.isLossy !== true) assert.is(last, frames - 1);
    }
    // The lanes overtake each other: all are there when their number is.
    for (const [from, to] of kind.isLossy === true ? [] : pairs) {
      await cluster.until(to, (status) => status.received[from]?.count === frames);
    }
  });

  test('garbage in the mailboxes harms nobody: the sockets take over, and the links meet again', async ({
    cluster,
  }) => {
    const before = (await cluster.node(1).status()).received[2]?.count as number;
    const writes = await cluster.node(2).ask<number>({ kind: 'scribble' });
    if (kind.transport === 'tcp') return;
    assert.ok(writes > 0);
    await cluster.send(2, 1, 10);
    await cluster.agreed();
    // What was in flight on the damaged link is lost, visibly to the core; the rest arrives in order.
    const received = await cluster.deliver(2, 1, 10);
    assert.ok(received.count > before);
    assert.is(received.isInOrder, true);
  });
}

function testLosses(test: LinksTest, kind: LinksKind): void {
  const frames = kind.frames ?? FRAMES;
  test('a leader killed in the middle of its writes leaves whole frames, in order, and the others go on', async ({
    cluster,
  }) => {
    for (const to of [1, 2]) {
      const { last } = (await cluster.node(to).status()).received[0] as Received;
      cluster.send(0, to, -1).catch(() => {});
      await cluster.until(to, (status) => (status.received[0]?.last as number) > last + frames);
    }
    await cluster.node(0).kill();
    for (const to of [1, 2]) await cluster.until(to, ({ states }) => states[0] !== 'up');
    assert.is((await cluster.deliver(1, 2, 200)).isInOrder, true);
    const { received } = await cluster.node(2).status();
    assert.is(received[0]?.isInOrder, true);
  });

  test('started again it meets the others on fresh links', async ({ cluster }) => {
    await cluster.restart(0);
    await cluster.agreed();
    for (const to of [1, 2]) assert.is((await cluster.deliver(0, to, 100)).isInOrder, true);
  });

  test('what a deposed leader writes when it wakes up reaches nobody', async ({ cluster }) => {
    const old = cluster.node(0);
    const linkNumber = (await cluster.node(1).status()).linkNumbers[0];
    old.signal('SIGSTOP');
    // Both have given it up, and its frames and its writes past all order wait for it to wake.
    for (const to of [1, 2]) await cluster.until(to, ({ states }) => states[0] !== 'up');
    const late = old.ask({ kind: 'scribble' });
    const lateFrames = cluster.send(0, 1, 50);
    await cluster.send(1, 2, 50);
    old.signal('SIGCONT');
    await Promise.all([late, lateFrames]);
    assert.is((await cluster.deliver(1, 2, 200)).isInOrder, true);
    await cluster.agreed();
    const after = await cluster.node(1).status();
    assert.is.not(after.linkNumbers[0], linkNumber);
    assert.is(after.received[0]?.isInOrder, true);
  });
}
