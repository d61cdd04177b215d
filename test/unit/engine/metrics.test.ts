/** Whatever a status tells becomes a well-formed metric. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DESCRIPTIONS, renderMetrics, samplesOf } from '../../../src/engine/metrics.ts';

const test = suite('metrics');

const STATUS = {
  durability: 'auto',
  shards: [
    {
      shard: 2,
      leader: 1,
      error: undefined,
      replicas: [{ replica: 0, role: 'follower', commands: 7, error: 0 }],
    },
  ],
  workers: [{ replica: 0, worker: 1, isUp: true, device: 'direct', logBytes: 2 ** 40 }],
};

test('numbers are values, identities and words are labels', () => {
  const lines = renderMetrics(samplesOf(STATUS)).split('\n');
  for (const line of [
    'synod_shard_leader{shard="2"} 1',
    'synod_shard_failed{shard="2"} 0',
    'synod_replica_role{shard="2",replica="0",role="follower"} 1',
    'synod_replica_commands_total{shard="2",replica="0"} 7',
    'synod_worker_up{replica="0",worker="1"} 1',
    'synod_worker_device{replica="0",worker="1",device="direct"} 1',
    'synod_worker_log_bytes_total{replica="0",worker="1"} 1099511627776',
  ]) {
    assert.ok(lines.includes(line), `${line}\nin\n${lines.join('\n')}`);
  }
});

test('types come once, before the samples of their name, which stand together', () => {
  const two = { shards: [...STATUS.shards, { ...STATUS.shards[0], shard: 3 }] };
  const text = renderMetrics(samplesOf(two));
  assert.match(
    text,
    /# HELP synod_shard_leader .*\n# TYPE synod_shard_leader gauge\nsynod_shard_leader\{shard="2"\} 1\nsynod_shard_leader\{shard="3"\} 1\n/,
  );
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
  assert.is(new Set(types).size, types.length);
  assert.match(text, /# TYPE synod_replica_commands_total counter\n/);
  assert.match(text, /\n$/);
});

test('a stopped shard is a metric; its words are not', () => {
  const text = renderMetrics(samplesOf({ shards: [{ shard: 0, leader: 0, error: 'disk "x"\nfull' }] }));
  assert.match(text, /^synod_shard_failed\{shard="0"\} 1$/m);
  assert.not.match(text, /disk/);
});

test('a field that nobody described, and one of a nested group, are gauges', () => {
  const text = renderMetrics(samplesOf({ links: [{ node: 2, heldFrames: 5, tls: { resumed: true } }] }));
  assert.match(text, /^# TYPE synod_link_held_frames gauge\nsynod_link_held_frames\{node="2"\} 5$/m);
  assert.match(text, /^synod_link_tls_resumed\{node="2"\} 1$/m);
});

test('labels are escaped, odd numbers are written as Prometheus reads them', () => {
  const sample = (value: number, word: string) => ({ name: 'x', labels: { word }, value });
  const text = renderMetrics([sample(Number.POSITIVE_INFINITY, 'a"b\\c\nd'), sample(Number.NaN, '')]);
  assert.is(text, '# TYPE x gauge\nx{word="a\\"b\\\\c\\nd"} +Inf\nx{word=""} NaN\n');
  assert.is(renderMetrics([]), '');
});

test('every description belongs to a name that Prometheus takes', () => {
  for (const [path, { help }] of Object.entries(DESCRIPTIONS)) {
    assert.match(path, /^[a-z]+(\.[a-zA-Z]+)+$/);
    assert.not.match(help, /\n/);
  }
});

test.run();
