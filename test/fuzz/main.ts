/**
 * `npm run fuzz -- --frames 10000000 [--seed N]`: random and mutated frames against the decoder, bench-like. Ends with 1 at the first
 * failure, with the line that replays it.
 */
import { parseArgs } from 'node:util';
import { fuzzFrames } from './frame-fuzz.ts';

const FRAMES_DEFAULT = 1_000_000;
/** One seed's run: short enough to be replayed at once. */
const FRAMES_PER_SEED = 200_000;
/** What the whole run may hold beyond its start: the receiving side's memory is made once per connection and let go. */
const GROWTH_BYTES_MAX = 256 << 20;

function main(): void {
  const { values } = parseArgs({ options: { frames: { type: 'string' }, seed: { type: 'string' } } });
  const frames = Number(values.frames ?? FRAMES_DEFAULT);
  const first = Number(values.seed ?? 1);
  const startMs = performance.now();
  const atStart = process.memoryUsage.rss();
  const verdicts = new Map<string, number>();
  const totals = { connections: 0, delivered: 0, bursts: 0, peak: 0 };
  for (let done = 0, seed = first; done < frames; done += FRAMES_PER_SEED, seed++) {
    const count = Math.min(FRAMES_PER_SEED, frames - done);
    try {
      const { target, connections } = fuzzFrames(seed, count);
      for (const [reason, number] of target.verdicts) verdicts.set(reason, (verdicts.get(reason) ?? 0) + number);
      totals.connections += connections;
      totals.delivered += target.delivered;
      totals.bursts += target.bursts;
    } catch (error) {
      console.error(error, `\nreplay: npm run fuzz -- --frames ${count} --seed ${seed}`);
      process.exitCode = 1;
      return;
    }
    totals.peak = Math.max(totals.peak, process.memoryUsage.rss() - atStart);
  }
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `${frames} frames, seeds from ${first}, ${seconds.toFixed(1)} s, ${Math.round(frames / seconds)} frames/s`,
  );
  console.log(`${totals.connections} connections, ${totals.bursts} bursts read, ${totals.delivered} frames delivered`);
  console.log(`cut off: ${[...verdicts].map(([reason, count]) => `${reason} ${count}`).join(', ')}`);
  console.log(`memory: at most ${(totals.peak / 2 ** 20).toFixed(0)} MiB above the start`);
  if (totals.peak > GROWTH_BYTES_MAX || totals.delivered === 0) process.exitCode = 1;
}

main();
