/** Flags and environment become layers of values, not of texts; a misspelt variable is not silently ignored. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { layerOfEnvironment, layerOfFlags } from '../../../src/config/sources.ts';
import { NODE_SETTINGS } from '../../../src/config/validate.ts';

const test = suite('config/sources');

test('texts of flags become values of their settings', () => {
  const layer = layerOfFlags(NODE_SETTINGS, { shards: '8', 'tls.ca': 'ca.pem', bootstrap: 'true', listen: undefined });
  assert.equal(
    [...layer],
    [
      ['bootstrap', { value: true, source: 'flag --bootstrap' }],
      ['shards', { value: 8, source: 'flag --shards' }],
      ['tls.ca', { value: 'ca.pem', source: 'flag --tls-ca' }],
    ],
  );
});

test('variables become values; an empty one says nothing', () => {
  const layer = layerOfEnvironment(NODE_SETTINGS, {
    SYNOD_SHARDS: '8',
    SYNOD_WORKERS: '',
    SYNOD_TLS_CA: 'ca',
    PATH: '/bin',
  });
  assert.equal(
    [...layer],
    [
      ['shards', { value: 8, source: 'environment SYNOD_SHARDS' }],
      ['tls.ca', { value: 'ca', source: 'environment SYNOD_TLS_CA' }],
    ],
  );
});

test('a text that is no value stays a text, to be refused with its source', () => {
  const layer = layerOfEnvironment(NODE_SETTINGS, { SYNOD_SHARDS: 'many' });
  assert.equal(layer.get('shards'), { value: 'many', source: 'environment SYNOD_SHARDS' });
});

test('a misspelt variable is refused with what it probably means', () => {
  for (const [variable, meant] of [
    ['SYNOD_SHARD', 'SYNOD_SHARDS'],
    ['SYNOD_WINDOWSLOTS', 'SYNOD_WINDOW_SLOTS'],
    ['SYNOD_DIRECTROY', 'SYNOD_DIRECTORY'],
  ] as const) {
    const layer = layerOfEnvironment.bind(undefined, NODE_SETTINGS, { [variable]: '1' });
    assert.throws(
      layer,
      (error: Error) => error.message === `${variable} (environment): unknown option; did you mean ${meant}?`,
    );
  }
});

test('variables of others, of clusters and of programs with the same prefix are left alone', () => {
  const others = {
    SYNOD_PORT: 'tcp://10.0.0.1:7101',
    SYNOD_PORT_7101_TCP_ADDR: '10.0.0.1',
    SYNOD_SERVICE_HOST: '10.0.0.1',
    SYNOD_REPLICAS: '3',
    SYNOD_CONTRACTS: '1',
    SYNOD_CONFIG: 'x',
    SYNOD_URL: 'http://h',
  };
  assert.is(layerOfEnvironment(NODE_SETTINGS, others).size, 0);
});

test.run();
