/**
 * How many workers host how many logs. Logs are fixed when a directory is made; workers may be others at every start.
 */
import type { CommonConfig } from '../config.ts';
import type { Hosting } from './placement.ts';

/** Workers that the settings ask for: at most one per group. */
export function workersAsked({ workers, shards }: CommonConfig): number {
  return workers === 'per-group' ? shards : Math.min(workers, shards);
}

/** `logs` of the directory, 0 where there is none: then every worker has one. A worker without a log would have nothing to do. */
export function hostingOf(config: CommonConfig, logs: number): Hosting {
  const asked = workersAsked(config);
  if (logs === 0) return { logs: asked, workers: asked };
  if (asked > logs) {
    const text = 'the number of logs was fixed when the directory was made: more workers than that have nothing to do';
    config.logger?.warn({ logs, workers: asked }, text);
  }
  return { logs, workers: Math.min(asked, logs) };
}
