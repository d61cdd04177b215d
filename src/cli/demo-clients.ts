/**
 * The clients of a run: one per shard, each with its lane, its keys, its share of the commands in flight, and a number that
 * no earlier run in the same directory used.
 */
import type { Histogram } from '../base/histogram.ts';
import { Prng } from '../base/prng.ts';
import { CommandMix } from './command-mix.ts';
import { DemoClient, type LoadLane } from './demo-client.ts';
import type { DemoOptions } from './demo-options.ts';
import { IssuedLedger } from './issued-ledger.ts';
import { makeKeyTables } from './key-table.ts';

/** What clients need of the cluster. */
export interface ClientCluster {
  shardOf(key: string): number;
  /** The highest client number that any machine knows. */
  highestClient(): Promise<number>;
  openLane(shard: number): Promise<LoadLane>;
}

export async function makeClients(
  cluster: ClientCluster,
  { keys, shards, inFlight, payload, seed }: DemoOptions,
  latency: Histogram,
): Promise<DemoClient[]> {
  const tables = makeKeyTables(keys, shards, (key) => cluster.shardOf(key));
  const prng = new Prng(seed);
  const firstId = (await cluster.highestClient()) + 1;
  const clients: DemoClient[] = [];
  for (const [shard, table] of tables.entries()) {
    const id = firstId + shard;
    const share = Math.floor(inFlight / shards) + (shard < inFlight % shards ? 1 : 0);
    const mix = new CommandMix(id, table, payload, share, prng.fork(`client ${shard}`));
    const lane = await cluster.openLane(shard);
    clients.push(new DemoClient(id, lane, mix, new IssuedLedger(share), latency, share));
  }
  return clients;
}
