/** The commit that a run belongs to. */
import { execFileSync } from 'node:child_process';

const SEED_SPAN = 1_000_000_000;

export function gitCommit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** First seed of the run that belongs to this commit: another commit draws others, and whoever repeats the run gets the same. */
export function seedOfCommit(commit = gitCommit()): number {
  const digits = Number.parseInt(commit.slice(0, 7), 16);
  return Number.isNaN(digits) ? Math.floor(Date.now() / 1000) % SEED_SPAN : 1000 * (digits % (SEED_SPAN / 1000));
}
