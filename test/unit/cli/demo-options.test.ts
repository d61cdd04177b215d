import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEMO_SETTINGS, demoHelp, parseDemoOptions } from '../../../src/cli/demo-options.ts';
import { FlagError, kebabCase } from '../../../src/cli/flags.ts';
import { SESSION_INFLIGHT_MAX } from '../../../src/limits.ts';

const test = suite('demo options');

const refused = (pattern: RegExp) => (error: unknown) => error instanceof FlagError && pattern.test(error.message);

test('the defaults are 3 replicas, 4 shards, 64 bytes, 100,000 keys and 10 seconds', () => {
  const options = parseDemoOptions([]);
  assert.equal([options.replicas, options.shards, options.workers], [3, 4, 1]);
  assert.equal([options.payload, options.keys, options.seconds], [64, 100_000, 10]);
  assert.equal([options.durability, options.directory, options.json], ['auto', undefined, false]);
});

test('the flags are those of the contract', () => {
  const names = DEMO_SETTINGS.map(({ name }) => kebabCase(name)).join(' ');
  assert.is(names, 'replicas shards workers payload keys seconds in-flight durability directory seed json help');
});

test('workers are a number up to the shard count, or one per group', () => {
  assert.is(parseDemoOptions(['--workers', 'per-group']).workers, 'per-group');
  assert.is(parseDemoOptions(['--workers', '4']).workers, 4);
  assert.throws(() => parseDemoOptions(['--workers', '5']), refused(/--workers: '5'.*1 to 4 with 4 shards/));
});

test('every shard needs keys and at least one command in flight', () => {
  assert.throws(() => parseDemoOptions(['--keys', '15']), refused(/--keys: '15'.*16 to/));
  assert.throws(() => parseDemoOptions(['--in-flight', '3']), refused(/--in-flight: '3'.*4 to/));
  assert.is(parseDemoOptions(['--in-flight', '1', '--shards', '1']).inFlight, 1);
});

test('no lane gets more in flight than its session remembers', () => {
  const max = SESSION_INFLIGHT_MAX;
  assert.is(parseDemoOptions(['--shards', '1', '--in-flight', `${max}`]).inFlight, max);
  assert.throws(() => parseDemoOptions(['--shards', '1', '--in-flight', `${max + 1}`]), refused(/--in-flight/));
});

test('help names flags and exit codes', () => {
  assert.match(demoHelp(), /--durability {3}log device \(auto, dax, direct, buffered, fs, memory, default auto\)/);
  assert.match(demoHelp(), /Exit codes: 0 .* 130/);
});

test.run();
