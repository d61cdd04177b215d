/**
 * How long nobody answers after the death of a leader's process, and whether anything acknowledged is lost.
 *
 *   writers at the two other nodes ─▶ kill -9 of the leader ─▶ … ─▶ first acknowledgement = fail-over
 *   then: every acknowledged write of the round is read back, the dead node is started again, the next round
 */
import { Histogram } from '../src/base/histogram.ts';
import { kv, type NodeOptions } from '../src/index.ts';
import { NodeCluster } from '../test/support/node-cluster.ts';
import { NodeError, type NodeProcess, ProcessGone } from '../test/support/node-process.ts';
import type { BenchCase, Context } from './harness.ts';
import type { Figures } from './row.ts';

const KEYS = 64;
const CALL_TIMEOUT_MS = 10_000;
/** Acknowledgements of a round before the kill, and after it before the next. */
const WRITES_BEFORE = 200;
const WRITES_AFTER = 200;
const SHARD = 0;

export function failoverCase(): BenchCase {
  return { suite: 'nodes', name: 'failover', run };
}

async function run({ settings, scratch }: Context): Promise<Figures> {
  const options: NodeOptions = { shards: 1, workers: 1, durability: settings.durability as 'auto' };
  const cluster = await NodeCluster.make(3, options, undefined, scratch());
  try {
    await cluster.startAll(true);
    const load = new Load(cluster);
    const latency = new Histogram();
    let kills = 0;
    const end = performance.now() + settings.seconds * 1e3;
    do {
      latency.record((await load.round()) * 1e3);
      kills += 1;
    } while (performance.now() < end);
    return {
      operation: 'kills',
      replicas: 3,
      shards: 1,
      durability: settings.durability,
      transport: 'tcp',
      kills,
      acknowledged: load.acknowledged,
      lost: load.lost,
      failoverMs: latency.quantile(0.5) / 1e3,
      failoverP90Ms: latency.quantile(0.9) / 1e3,
      failoverMaxMs: latency.max / 1e3,
    };
  } finally {
    await cluster.close();
  }
}

class Load {
  acknowledged = 0;
  lost = 0;
  readonly #cluster: NodeCluster;
  /** Last acknowledged value per key; each key has one writer. */
  readonly #last = new Float64Array(KEYS);
  #value = 0;
  #isWriting = false;
  #lastAckMs = 0;

  constructor(cluster: NodeCluster) {
    this.#cluster = cluster;
  }

  /** One kill of the leader; returns milliseconds until somebody was answered again. */
  async round(): Promise<number> {
    const leader = await this.#leader();
    const others = [0, 1, 2].filter((index) => index !== leader);
    this.#isWriting = true;
    const writers = Array.from({ length: KEYS }, (_, key) =>
      this.#write(this.#cluster.node(others[key % others.length] as number), key),
    );
    await this.#progress(WRITES_BEFORE);
    const killedMs = performance.now();
    await this.#cluster.kill(leader);
    const goneMs = performance.now();
    await this.#progress(1, goneMs);
    const failoverMs = this.#lastAckMs - killedMs;
    await this.#progress(WRITES_AFTER);
    this.#isWriting = false;
    await Promise.all(writers);
    await this.#cluster.start(leader);
    await this.#verify(this.#cluster.node(others[0] as number));
    return failoverMs;
  }

  async #leader(): Promise<number> {
    for (;;) {
      for (let asked = 0; asked < this.#cluster.size; asked++) {
        const leader = await this.#cluster.leaderOf(SHARD, asked);
        const { shards } = await this.#cluster.node(Math.max(leader, 0)).status();
        if (leader >= 0 && shards[SHARD]?.role === 'leader') return leader;
      }
    }
  }

  async #write(node: NodeProcess, key: number): Promise<void> {
    while (this.#isWriting) {
      this.#value += 1;
      const value = this.#value;
      try {
        await node.propose(`key-${key}`, kv.put(`key-${key}`, String(value)), { timeout: CALL_TIMEOUT_MS });
        this.#last[key] = value;
        this.acknowledged += 1;
        this.#lastAckMs = performance.now();
      } catch (error) {
        if (!(error instanceof NodeError || error instanceof ProcessGone)) throw error;
      }
    }
  }

  /** Waits for `count` acknowledgements, all after `sinceMs`. */
  async #progress(count: number, sinceMs = 0): Promise<void> {
    while (this.#lastAckMs < sinceMs) await turn();
    const target = this.acknowledged + count - (sinceMs > 0 ? 1 : 0);
    while (this.acknowledged < target) await turn();
  }

  /** A value at or behind the last acknowledged one: a write without an answer may have come after it. */
  async #verify(node: NodeProcess): Promise<void> {
    for (let key = 0; key < KEYS; key++) {
      const { value } = kv.decodeReply(await node.read(`key-${key}`, kv.get(`key-${key}`)));
      if (Number(new TextDecoder().decode(value)) < (this.#last[key] as number)) this.lost += 1;
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
