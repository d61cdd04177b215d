/** Options become a complete, frozen Config, or an error that names path, value and range. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../src/base/errors.ts';
import { type ClusterOptions, SETTINGS, validateOptions } from '../../src/config.ts';

const test = suite('config');

/** The message of the ERR_SYNOD_CONFIG that `options` must cause. */
function refusal(options: unknown): string {
  try {
    validateOptions(options as ClusterOptions);
  } catch (error) {
    assert.instance(error, SynodError);
    assert.is((error as SynodError).code, 'ERR_SYNOD_CONFIG');
    return (error as SynodError).message;
  }
  throw new Error('the options were taken');
}

test('a directory is all that must be given, and the result is frozen', () => {
  const config = validateOptions({ directory: '/data' });
  assert.is(config.replicas, 3);
  assert.is(config.shards, 4);
  assert.is(config.machine, 'kv');
  assert.is(config.durability, 'auto');
  assert.throws(() => {
    (config as { replicas: number }).replicas = 5;
  }, TypeError);
});

test('every setting is present in the result under its name, with its default', () => {
  const config = validateOptions({ directory: '/data' }) as unknown as Record<string, unknown>;
  const drawn = ['directory', 'seed'];
  for (const { name, default: preset } of SETTINGS) {
    assert.ok(name in config, name);
    if (!drawn.includes(name)) assert.is(config[name], preset, name);
  }
  assert.is(Object.keys(config).length, SETTINGS.length);
});

test('every default lies in its own range, and says range and meaning', () => {
  for (const { name, default: preset, accepts, allowed, doc } of SETTINGS) {
    assert.ok(preset === undefined || accepts(preset), name);
    assert.ok(allowed.length > 0 && doc.length > 0, name);
  }
});

test('given values win over defaults; undefined counts as not given', () => {
  const config = validateOptions({ directory: '/d', replicas: 5, workers: 'per-group', shards: undefined, seed: 7 });
  assert.is(config.replicas, 5);
  assert.is(config.workers, 'per-group');
  assert.is(config.shards, 4);
  assert.is(config.seed, 7);
});

test('a seed is drawn where none is given', () => {
  const seeds = new Set(Array.from({ length: 8 }, () => validateOptions({ directory: '/d' }).seed));
  assert.ok(seeds.size > 1);
  for (const seed of seeds) assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
});

test('a machine may be a URL', () => {
  assert.is(validateOptions({ directory: '/d', machine: new URL('file:///m.js') }).machine, 'file:///m.js');
});

test('only a volatile cluster goes without a directory', () => {
  assert.match(refusal({}), /^directory: nothing is not allowed; allowed is a path/);
  assert.is(validateOptions({ durability: 'memory' }).directory, undefined);
});

test('an unknown option is named; a misspelt case is corrected', () => {
  assert.match(refusal({ directory: '/d', shard: 4 }), /^shard: unknown option; known are directory, replicas/);
  assert.match(refusal({ directory: '/d', Shards: 4 }), /^Shards: unknown option; write it shards$/);
});

test('a bad value is told with path, value and range', () => {
  const cases: [object, RegExp][] = [
    [{ replicas: 2 }, /^replicas: 2 is not allowed; allowed is an odd number, 1 to 15$/],
    [{ replicas: 17 }, /^replicas: 17 .* an odd number, 1 to 15$/],
    [{ shards: 0 }, /^shards: 0 .* 1 to 4096$/],
    [{ shards: 1.5 }, /^shards: 1.5 /],
    [{ shards: '4' }, /^shards: "4" /],
    [{ shards: Number.NaN }, /^shards: /],
    [{ workers: 'all' }, /^workers: "all" .* or 'per-group'$/],
    [{ machine: '' }, /^machine: "" /],
    [{ durability: 'disk' }, /^durability: "disk" .* auto, direct, buffered, fs, memory$/],
    [{ payloadBytesMax: 2 ** 20 + 1 }, /^payloadBytesMax: 1048577 .* 64 to 1048576$/],
    [{ laneBytes: 100_000 }, /^laneBytes: 100000 .* a power of two/],
    [{ memoryLogBytes: 2 ** 24 }, /^memoryLogBytes: 16777216 .* 33554432 to /],
    [{ memoryLogBytes: 2 ** 25 + 1 }, /a multiple of 16777216/],
    [{ native: true }, /^native: true .* auto, required, off$/],
    [{ logger: { info() {} } }, /^logger: \[object Object\] .* debug, info, warn and error$/],
    [{ timeoutMs: -1 }, /^timeoutMs: -1 /],
    [{ directory: new Map() }, /^directory: \[object Map\] /],
  ];
  for (const [options, pattern] of cases) assert.match(refusal({ directory: '/d', ...options }), pattern);
  assert.match(refusal(null), /^options: \[object Null\] is not allowed; allowed is an object$/);
});

test('heartbeats must come several times in an election timeout', () => {
  assert.match(refusal({ directory: '/d', heartbeatTicks: 10 }), /^electionTimeoutTicks: 40 .* more than 4 times/);
  assert.is(validateOptions({ directory: '/d', heartbeatTicks: 9 }).heartbeatTicks, 9);
});

test('a lane holds two of the longest commands: grown where it was not given, refused where it was', () => {
  assert.is(validateOptions({ directory: '/d', payloadBytesMax: 2 ** 20 }).laneBytes, 2 ** 22);
  assert.is(validateOptions({ directory: '/d', payloadBytesMax: 2 ** 19 - 16 }).laneBytes, 2 ** 20);
  const message = refusal({ directory: '/d', payloadBytesMax: 2 ** 19 - 15, laneBytes: 2 ** 20 });
  assert.match(message, /^laneBytes: 1048576 .* at least 2097152 with payloadBytesMax 524273$/);
});

test('a logger with the four methods is taken as it is', () => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  assert.is(validateOptions({ directory: '/d', logger }).logger, logger);
});

test.run();
