/**
 * What the shard count does here: the lane case once per count of `--sweep`; main prints the table.
 */
import { laneSubject } from './engine.bench.ts';
import type { Settings } from './flags.ts';
import { type BenchCase, windowed } from './harness.ts';

export function shardsCases({ sweep, durability }: Settings): BenchCase[] {
  return sweep.map((shards) =>
    windowed('shards', `shards-${shards}`, (context) => laneSubject(context, durability, shards)),
  );
}
