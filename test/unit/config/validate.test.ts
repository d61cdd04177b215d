/** Options become a complete, frozen Config, or an error that names path, value and range. */
import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import type { ClusterOptions, NodeOptions } from '../../../src/config/types.ts';
import { CLUSTER_SETTINGS, NODE_SETTINGS, validateNodeOptions, validateOptions } from '../../../src/config/validate.ts';

const test = suite('config/validate');

const NODE: NodeOptions = { id: 1, members: '1@127.0.0.1:7101,2@127.0.0.1:7102,3@127.0.0.1:7103', directory: '/d' };

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

test('a lease is half an election timeout where nothing else is said', () => {
  assert.is(validateOptions({ directory: '/data' }).leaseMs, 200);
  assert.is(validateOptions({ directory: '/data', electionTimeoutTicks: 30, tickMs: 3 }).leaseMs, 45);
  assert.is(validateOptions({ directory: '/data', leaseMs: 0 }).leaseMs, 0);
  assert.throws(() => validateOptions({ directory: '/data', leaseMs: -1 }), /leaseMs/);
  assert.throws(() => validateOptions({ directory: '/data', clockDriftPpm: 1e6 }), /clockDriftPpm/);
});

test('every setting is present in the result under its name, with its default', () => {
  const config = validateOptions({ directory: '/data' }) as unknown as Record<string, unknown>;
  const drawn = ['directory', 'seed', 'workers', 'leaseMs'];
  for (const { name, default: preset } of CLUSTER_SETTINGS) {
    assert.ok(name in config, name);
    if (!drawn.includes(name)) assert.is(config[name], preset, name);
  }
  assert.is(Object.keys(config).length, CLUSTER_SETTINGS.length);
});

test('workers are one per replica of a cluster and as many as cores and shards allow in a node, unless given', () => {
  assert.is(validateOptions({ directory: '/d' }).workers, 1);
  assert.is(validateNodeOptions({ ...NODE, shards: 1 }).workers, 1);
  assert.is(validateNodeOptions({ ...NODE, shards: 64 }).workers, Math.min(64, availableParallelism()));
  assert.is(validateNodeOptions({ ...NODE, workers: 3 }).workers, 3);
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
  assert.match(refusal({ directory: '/d', shard: 4 }), /^shard: unknown option; did you mean shards\?$/);
  assert.match(refusal({ directory: '/d', colour: 4 }), /^colour: unknown option; known are directory, replicas/);
  assert.match(refusal({ directory: '/d', Shards: 4 }), /^Shards: unknown option; did you mean shards\?$/);
});

test('a bad value is told with path, value and range', () => {
  const cases: [object, RegExp][] = [
    [{ replicas: 2 }, /^replicas: 2 is not allowed; allowed is an odd number, 1 to 15$/],
    [{ replicas: 17 }, /^replicas: 17 .* an odd number, 1 to 15$/],
    [{ shards: 0 }, /^shards: 0 .* 1 to 4096$/],
    [{ shards: 1.5 }, /^shards: 1.5 /],
    [{ shards: '4' }, /^shards: "4" /],
    [{ shards: Number.NaN }, /^shards: /],
    [{ workers: 'all' }, /^workers: "all" .* or 'per-group', 'auto'$/],
    [{ machine: '' }, /^machine: "" /],
    [{ durability: 'disk' }, /^durability: "disk" .* auto, dax, direct, buffered, fs, memory$/],
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

test('what a prototype says is not an option, and a hostile key is unknown', () => {
  const inherited = Object.create({ shards: 7 }) as ClusterOptions;
  inherited.directory = '/d';
  assert.is(validateOptions(inherited).shards, 4);
  const hostile = JSON.parse('{ "directory": "/d", "__proto__": { "shards": 7 } }');
  assert.match(refusal(hostile), /^__proto__: unknown option/);
  assert.match(refusal({ directory: '/d', constructor: 1 }), /^constructor: unknown option/);
  assert.is(({} as Record<string, unknown>)['shards'], undefined);
});

test('a setting of nodes is none of clusters, and the other way round', () => {
  assert.match(refusal({ directory: '/d', members: '1@h:1' }), /^members: unknown option/);
  assert.match(nodeRefusal({ replicas: 3 }), /^replicas: unknown option/);
});

// --- nodes ---

/** The message of the ERR_SYNOD_CONFIG that these options of a node must cause. */
function nodeRefusal(options: object): string {
  try {
    validateNodeOptions({ ...NODE, ...options } as NodeOptions);
  } catch (error) {
    assert.is((error as SynodError).code, 'ERR_SYNOD_CONFIG');
    return (error as SynodError).message;
  }
  throw new Error('the options were taken');
}

test('a node knows its members, listens at its own address, and has no endpoint unless told', () => {
  const config = validateNodeOptions(NODE);
  assert.is(config.id, 1);
  assert.equal(config.members[2], { id: 3, host: '127.0.0.1', port: 7103 });
  assert.equal(config.listen, { host: '127.0.0.1', port: 7101 });
  assert.equal(config.client, { listen: undefined, insecure: false });
  assert.is(config.tls, undefined);
  assert.is(config.bootstrap, false);
  const plain = NODE_SETTINGS.filter(({ name }) => !name.includes('.')).map(({ name }) => name);
  assert.equal(Object.keys(config).sort(), [...plain, 'tls', 'client'].sort());
});

test('the settings of a node are frozen to the last leaf', () => {
  const tls = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' };
  const config = validateNodeOptions({ ...NODE, tls, client: { listen: 7201 } });
  for (const part of [config, config.members, config.members[0], config.listen, config.tls, config.client]) {
    assert.ok(Object.isFrozen(part));
  }
  assert.ok(Object.isFrozen(config.client.listen));
  assert.not(Object.isFrozen(tls));
});

test('a node must be one of its members', () => {
  assert.match(nodeRefusal({ id: 4 }), /^id: 4 is not allowed; allowed is the id of one of the members: 1, 2, 3$/);
  assert.match(nodeRefusal({ id: undefined }), /^id: nothing is not allowed/);
  assert.match(nodeRefusal({ members: undefined }), /^members: nothing is not allowed; allowed is every node/);
});

test('plain text beyond loopback is refused unless told', () => {
  const members = '1@10.0.0.1:7101,2@10.0.0.2:7101,3@10.0.0.3:7101';
  assert.match(nodeRefusal({ members }), /^members: "1@10.0.0.1:7101" .* loopback address without tls.*insecure: true/);
  assert.match(nodeRefusal({ listen: '0.0.0.0:7101' }), /^listen: "0.0.0.0" /);
  assert.is(validateNodeOptions({ ...NODE, members, insecure: true }).insecure, true);
  const tls = { ca: 'a', cert: 'b', key: 'c' };
  assert.equal(validateNodeOptions({ ...NODE, members, tls }).tls, tls);
});

test('the client endpoint beyond loopback needs tls or a loud word of its own', () => {
  const client = { listen: '0.0.0.0:7201' };
  assert.match(nodeRefusal({ client }), /^client.listen: "0.0.0.0" .*client.insecure: true/);
  assert.match(nodeRefusal({ client, insecure: true }), /^client.listen: /);
  assert.is(validateNodeOptions({ ...NODE, client: { ...client, insecure: true } }).client.listen?.host, '0.0.0.0');
  assert.is(validateNodeOptions({ ...NODE, client: { listen: 'off' } }).client.listen, undefined);
});

test('tls comes as a whole', () => {
  assert.match(nodeRefusal({ tls: { ca: 'a' } }), /^tls.cert: nothing .* ca, cert and key together$/);
  assert.match(
    nodeRefusal({ tls: 'on' }),
    /^tls: "on" is not allowed; allowed is an object with ca, cert, key, revoked$/,
  );
  assert.match(nodeRefusal({ tls: { crt: 'a' } }), /^tls.crt: unknown option; did you mean tls.cert\?$/);
});

test.run();
