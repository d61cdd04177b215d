/** Nodes in processes of their own on this machine's loopback interface, under clients whose whole history is kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kv, type NodeOptions } from '../../src/index.ts';
import { judgeUniqueWrites, type RegisterOperation } from '../sim/linearizability.ts';
import { freePorts, NodeError, NodeProcess, ProcessGone } from './node-process.ts';

/** Codes that say: it surely did not happen. */
const NOT_DONE = new Set(['ERR_SYNOD_TIMEOUT', 'ERR_SYNOD_ABORTED', 'ERR_SYNOD_FULL', 'ERR_SYNOD_CLOSED']);
const CALL_TIMEOUT_MS = 2000;

export class NodeCluster {
  readonly directory: string;
  readonly nodes: (NodeProcess | undefined)[];
  readonly options: NodeOptions;
  /** Addresses by which the others reach each node, and where it listens itself: a proxy may stand between. */
  readonly #listen: number[];
  readonly #reach: number[][];

  /** `reach[from][to]` is the port at which `from` reaches `to`; their own where there is no proxy. */
  private constructor(listen: number[], reach: number[][], options: NodeOptions, directory: string) {
    this.directory = directory;
    this.#listen = listen;
    this.#reach = reach;
    this.options = options;
    this.nodes = listen.map(() => undefined);
  }

  static async make(
    count: number,
    options: NodeOptions = {},
    reachOf?: (listen: readonly number[]) => Promise<number[][]>,
    directory = mkdtempSync(join(tmpdir(), 'synod-nodes-')),
  ): Promise<NodeCluster> {
    const listen = await freePorts(count);
    const reach = (await reachOf?.(listen)) ?? listen.map(() => [...listen]);
    return new NodeCluster(listen, reach, options, directory);
  }

  get size(): number {
    return this.nodes.length;
  }

  async startAll(bootstrap: boolean): Promise<void> {
    await Promise.all(this.nodes.map((_, index) => this.start(index, { bootstrap })));
    await Promise.all(this.nodes.map((node) => node?.ready()));
  }

  /** Starts node `index` (id = index + 1) in its own directory. */
  async start(index: number, extra: NodeOptions = {}): Promise<NodeProcess> {
    const reach = this.#reach[index] as number[];
    const node = await NodeProcess.open({
      id: index + 1,
      members: reach.map((port, other) => ({ id: other + 1, host: '127.0.0.1', port })),
      listen: { host: '127.0.0.1', port: this.#listen[index] as number },
      directory: join(this.directory, `node-${index + 1}`),
      seed: index + 1,
      // Shared memory would go around a proxy.
      transport: reach.every((port, other) => port === this.#listen[other]) ? 'auto' : 'tcp',
      ...this.options,
      ...extra,
    });
    this.nodes[index] = node;
    return node;
  }

  node(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`node ${index} is down`);
    return node;
  }

  async kill(index: number): Promise<void> {
    const node = this.node(index);
    this.nodes[index] = undefined;
    await node.kill();
  }

  /** Index of the node that leads a shard, as `asked` believes; -1 where it knows none. */
  async leaderOf(shard: number, asked: number): Promise<number> {
    const { shards } = await this.node(asked).status();
    return (shards[shard]?.leader ?? 0) - 1;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        node?.resume();
        await node?.close().catch(() => node.kill());
      }),
    );
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface RecordedOperation extends RegisterOperation {
  key: string;
}

/** Clients that write every value once and read, each waiting for its answer; their history is judged key by key. */
export class Clients {
  readonly operations: RecordedOperation[] = [];
  /** Writes acknowledged. */
  acknowledged = 0;
  readonly #cluster: NodeCluster;
  readonly #keys: readonly string[];
  #value = 0;
  #isRunning = true;
  #done: Promise<unknown> = Promise.resolve();

  constructor(cluster: NodeCluster, keys: number) {
    this.#cluster = cluster;
    this.#keys = Array.from({ length: keys }, (_, index) => `key-${index}`);
  }

  start(count: number): void {
    this.#done = Promise.all(Array.from({ length: count }, (_, client) => this.#run(client)));
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  /** Resolves once so many further writes were acknowledged. */
  async progress(writes: number): Promise<void> {
    const target = this.acknowledged + writes;
    while (this.acknowledged < target && this.#isRunning) await turn();
  }

  /** Keys whose history no order explains. */
  violations(): string[] {
    return this.#keys.filter((key) => {
      const operations = this.operations.filter((operation) => operation.key === key);
      return judgeUniqueWrites(operations) === 'violation';
    });
  }

  async #run(client: number): Promise<void> {
    for (let turns = client; this.#isRunning; turns++) {
      const node = this.#cluster.nodes[turns % this.#cluster.size];
      const key = this.#keys[(turns * 7 + client) % this.#keys.length] as string;
      if (node === undefined) await turn();
      else if (turns % 3 === 0) await this.#read(node, key);
      else await this.#write(node, key);
    }
  }

  async #write(node: NodeProcess, key: string): Promise<void> {
    const value = ++this.#value;
    const operation = {
      key,
      isRead: false,
      value,
      invokedAt: performance.now(),
      respondedAt: Number.POSITIVE_INFINITY,
    };
    this.operations.push(operation);
    try {
      await node.propose(key, kv.put(key, String(value)), { timeout: CALL_TIMEOUT_MS });
      operation.respondedAt = performance.now();
      this.acknowledged += 1;
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (error instanceof NodeError && NOT_DONE.has(error.code))
        this.operations.splice(this.operations.indexOf(operation), 1);
    }
  }

  async #read(node: NodeProcess, key: string): Promise<void> {
    const invokedAt = performance.now();
    try {
      const reply = kv.decodeReply(await node.read(key, kv.get(key), { timeout: CALL_TIMEOUT_MS }));
      const value = (reply.value?.length ?? 0) === 0 ? 0 : Number(new TextDecoder().decode(reply.value));
      this.operations.push({ key, isRead: true, value, invokedAt, respondedAt: performance.now() });
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }
}

/** What a client may be told while nodes come and go. */
function isExpected(error: unknown): boolean {
  if (error instanceof ProcessGone) return true;
  return (
    error instanceof NodeError &&
    (error.retryable || error.code === 'ERR_SYNOD_OUTCOME_UNKNOWN' || error.code === 'ERR_SYNOD_CLOSED')
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
