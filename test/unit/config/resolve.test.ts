/** Layers become one value per setting, the strongest wins, and whatever is wrong is told with its source. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integer, oneOf, text } from '../../../src/config/ranges.ts';
import { type Layer, layerOfObject, resolveSettings } from '../../../src/config/resolve.ts';
import type { Setting } from '../../../src/config/settings.ts';

const TABLE: readonly Setting[] = [
  { name: 'shards', scope: 'both', default: 4, doc: 'groups', ...integer(1, 64) },
  { name: 'device', scope: 'both', default: 'auto', doc: 'log device', ...oneOf('auto', 'fs') },
  { name: 'tls.ca', scope: 'node', default: undefined, doc: 'certificates', ...text('a path') },
];

const test = suite('config/resolve');

const layer = (source: string, values: Record<string, unknown>): Layer =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, source: source && `${source} ${name}` }]));

test('the first layer that says something wins, and its source is known', () => {
  const resolved = resolveSettings(TABLE, [
    layer('flag', { shards: undefined }),
    layer('variable', { shards: 8 }),
    layer('file', { shards: 16, device: 'fs' }),
  ]);
  assert.equal(resolved.get('shards'), { value: 8, source: 'variable shards' });
  assert.equal(resolved.get('device'), { value: 'fs', source: 'file device' });
  assert.equal(resolved.get('tls.ca'), { value: undefined, source: 'default' });
});

test('a wrong value is told even where a stronger layer hides it', () => {
  const layers = [layer('flag', { shards: 8 }), layer('file', { shards: 0 })];
  assert.throws(
    () => resolveSettings(TABLE, layers),
    /^shards \(file shards\): 0 is not allowed; allowed is a whole number/,
  );
});

test('an unknown name is told with its source and what it probably means', () => {
  assert.throws(
    () => resolveSettings(TABLE, [layer('file', { shrads: 8 })]),
    /^shrads \(file shrads\): .*did you mean shards\?$/,
  );
  assert.throws(
    () => resolveSettings(TABLE, [layer('', { colour: 8 })]),
    /^colour: unknown option; known are shards, device, tls.ca$/,
  );
  const long = resolveSettings.bind(undefined, TABLE, [layer('', { ['x'.repeat(9999)]: 1 })]);
  assert.throws(long, (error: Error) => error.message.length < 300);
});

test('groups of an object become dotted names', () => {
  const paths: string[] = [];
  const nested = layerOfObject(TABLE, { shards: 8, tls: { ca: 'x' } }, (path) => {
    paths.push(path.join('/'));
    return 'here';
  });
  assert.equal(
    [...nested],
    [
      ['shards', { value: 8, source: 'here' }],
      ['tls.ca', { value: 'x', source: 'here' }],
    ],
  );
  assert.equal(paths, ['shards', 'tls/ca']);
});

test('a group that is no object is refused; an absent one says nothing', () => {
  for (const tls of ['x', null, [], 5]) {
    assert.throws(() => layerOfObject(TABLE, { tls }, () => 'f:1'), /^tls \(f:1\): .*allowed is an object with ca$/);
  }
  assert.is(layerOfObject(TABLE, { tls: undefined }, () => '').size, 0);
  for (const options of [null, [], 'x']) assert.throws(() => layerOfObject(TABLE, options, () => ''), /^options: /);
});

test('deep nesting is not entered', () => {
  const nested = layerOfObject(TABLE, { tls: { ca: { tls: { ca: 'x' } } }, other: { shards: 1 } }, () => '');
  assert.equal([...nested.keys()], ['tls.ca', 'other']);
});

test.run();
