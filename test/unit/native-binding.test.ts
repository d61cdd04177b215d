/** Which addon the loader takes, and what it says of those that it does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { layoutVersion, loadNative, mismatchOf, NATIVE_LAYOUT } from '../../src/native-binding.ts';

const test = suite('native-binding');

const { binding, reason } = loadNative('auto');

test('off loads nothing and says so', () => {
  assert.equal(loadNative('off'), { binding: undefined, reason: 'switched off' });
});

test('says where the addon came from, or why there is none', () => {
  if (binding === undefined) assert.match(reason, /not built|ABI|constants|Error/);
  else assert.match(reason, /\.node$/);
});

test('required throws exactly where auto finds nothing', () => {
  if (binding === undefined) assert.throws(() => loadNative('required'), /npm run build/);
  else assert.ok(loadNative('required').binding !== undefined);
});

test('refuses an addon of another ABI or with other constants', () => {
  const layout = layoutVersion(NATIVE_LAYOUT);
  const other = layoutVersion({ ...NATIVE_LAYOUT, LOG_BLOCK_BYTES: 512 });
  if (binding !== undefined) assert.is(mismatchOf(binding), '');
  assert.match(mismatchOf({ abi: () => 0, layoutVersion: () => layout }), /ABI 0/);
  const abi = Number(/ABI 0, (\d+)/.exec(mismatchOf({ abi: () => 0, layoutVersion: () => layout }))?.[1]);
  assert.is(mismatchOf({ abi: () => abi, layoutVersion: () => layout }), '');
  assert.match(mismatchOf({ abi: () => abi, layoutVersion: () => other }), /other constants/);
});

test('layouts differ by a value, by a name, and by which name has which value', () => {
  const versions = [{ A: 1, B: 2 }, { A: 1, B: 3 }, { A: 1, C: 2 }, { A: 2, B: 1 }, { A: 1 }, {}].map(layoutVersion);
  assert.is(new Set(versions).size, versions.length);
  assert.ok(
    versions.every((version) => version >= 0),
    'a negative one would be an errno',
  );
});

(binding === undefined ? test.skip : test)('probes a path: what it takes, and what survives there', () => {
  const here = binding!.probePath('.');
  assert.ok(here.freeBytes > 0);
  assert.is(typeof here.direct, 'boolean');
  assert.not(here.volatile && here.direct, 'direct writes to what forgets are not offered');
  assert.is(binding!.probePath('/no such directory').direct, false);
});

(binding === undefined ? test.skip : test)('the clock advances and starts where the machine did', () => {
  const words = new Float64Array(new SharedArrayBuffer(32));
  const id = binding!.attach(new Uint8Array(words.buffer));
  binding!.clockMs(id, 2);
  const first = words[2] as number;
  assert.ok(first > 0);
  while (words[2] === first) binding!.clockMs(id, 2);
  assert.ok((words[2] as number) > first);
  binding!.clockMs(id, 4);
  assert.equal([...words.subarray(0, 2), words[3]], [0, 0, 0], 'outside its memory it writes nothing');
  binding!.detach(id);
  const last = words[2] as number;
  binding!.clockMs(id, 2);
  assert.is(words[2], last, 'detached memory is not written');
});

test.run();
