/** Workers host logs: as many as asked for, at most one per log. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClusterOptions, validateOptions } from '../../../src/config.ts';
import { hostingOf, workersAsked } from '../../../src/engine/hosting.ts';

const test = suite('hosting');

const config = (options: ClusterOptions) => validateOptions({ directory: '/d', shards: 6, ...options });

test('a volatile replica has a log per worker', () => {
  assert.equal(hostingOf(config({ workers: 4 }), 0), { logs: 4, workers: 4 });
  assert.equal(hostingOf(config({ workers: 'per-group' }), 0), { logs: 6, workers: 6 });
  assert.is(workersAsked(config({ workers: 9 })), 6);
});

test('logs of a directory stay; fewer workers host several, more are told to be too many', () => {
  const warnings: object[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (fields: object) => warnings.push(fields) };
  assert.equal(hostingOf(config({ workers: 2, logger }), 3), { logs: 3, workers: 2 });
  assert.equal(hostingOf(config({ workers: 3, logger }), 3), { logs: 3, workers: 3 });
  assert.equal(warnings, []);
  assert.equal(hostingOf(config({ workers: 5, logger }), 3), { logs: 3, workers: 3 });
  assert.equal(warnings, [{ logs: 3, workers: 5 }]);
});

test.run();
