/** The table of settings is sound: names, defaults within their ranges, flags and variables that do not collide. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flagOf, SETTINGS, settingsOf, variableOf } from '../../../src/config/settings.ts';

const test = suite('config/settings');

test('every default lies in its own range, and says range and meaning', () => {
  for (const { name, default: preset, read, allowed, doc } of SETTINGS) {
    assert.ok(preset === undefined || read(preset) !== undefined, name);
    assert.ok(allowed.length > 0 && doc.length > 0, name);
    assert.not.match(allowed + doc, /\|/, `${name} would break a table`);
  }
});

test('names, flags and variables are told apart', () => {
  const names = SETTINGS.map(({ name }) => name);
  for (const list of [names, names.map(flagOf), names.map(variableOf)]) assert.is(new Set(list).size, SETTINGS.length);
});

test('a flag and a variable follow from the name', () => {
  assert.is(flagOf('windowSlots'), '--window-slots');
  assert.is(flagOf('tls.ca'), '--tls-ca');
  assert.is(variableOf('windowSlots'), 'SYNOD_WINDOW_SLOTS');
  assert.is(variableOf('client.listen'), 'SYNOD_CLIENT_LISTEN');
});

test('clusters and nodes share most settings and have some of their own', () => {
  const cluster = settingsOf('cluster').map(({ name }) => name);
  const node = settingsOf('node').map(({ name }) => name);
  assert.ok(cluster.includes('replicas') && !node.includes('replicas'));
  assert.ok(node.includes('members') && !cluster.includes('members'));
  assert.ok(node.includes('shards') && cluster.includes('shards'));
});

test('every setting but a logger can be said in a text', () => {
  assert.equal(
    SETTINGS.filter(({ parse }) => parse === undefined).map(({ name }) => name),
    ['logger'],
  );
});

test.run();
