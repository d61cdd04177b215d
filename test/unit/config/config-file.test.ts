/** Files of either kind become layers with lines; whatever is wrong with a file is told with file and line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { layerOfFile } from '../../../src/config/config-file.ts';
import type { Layer } from '../../../src/config/resolve.ts';
import { NODE_SETTINGS } from '../../../src/config/validate.ts';

const test = suite('config/config-file');

let home = '';
test.before(() => {
  home = mkdtempSync(join(tmpdir(), 'synod-config-'));
});
test.after(() => rmSync(home, { recursive: true, force: true }));

function read(name: string, text: string): Promise<Layer> {
  writeFileSync(join(home, name), text);
  return layerOfFile(NODE_SETTINGS, join(home, name));
}

async function refusal(name: string, text: string): Promise<string> {
  try {
    await read(name, text);
  } catch (error) {
    assert.instance(error, SynodError);
    assert.is((error as SynodError).code, 'ERR_SYNOD_CONFIG');
    return (error as SynodError).message.replace(`${home}/`, '');
  }
  throw new Error('the file was taken');
}

test('YAML and JSON say the same, with the line of each key', async () => {
  const yaml = await read('node.yaml', '# a node\nshards: 8\ntls:\n  ca: ca.pem\nmembers:\n  - 1@h:1\n');
  const json = await read(
    'node.json',
    '{\n\t"shards": 8,\n\t"tls": {\n\t\t"ca": "ca.pem"},\n"members": ["1@h:1"]\n}\n',
  );
  const expected = [
    ['shards', 8, 2],
    ['tls.ca', 'ca.pem', 4],
    ['members', ['1@h:1'], 5],
  ];
  for (const [layer, name] of [
    [yaml, 'node.yaml'],
    [json, 'node.json'],
  ] as const) {
    const rows = expected.map(([key, value, line]) => [key, { value, source: `${join(home, name)}:${line}` }]);
    assert.equal([...layer], rows);
  }
});

test('an empty file says nothing', async () => {
  assert.is((await read('empty.yaml', '# nothing yet\n')).size, 0);
});

test('what is no YAML, twice there, or tagged is refused with its line', async () => {
  assert.match(await refusal('a.yaml', 'shards: 8\n  bad: [\n'), /^a.yaml:\d: /);
  assert.match(await refusal('b.yaml', 'shards: 8\nid: 1\nshards: 9\n'), /^b.yaml:3: Map keys must be unique/);
  assert.match(await refusal('c.yaml', '\nmachine: !!js/function "x"\n'), /^c.yaml:2: /);
  assert.match(await refusal('d.yaml', '? [1]\n: 2\n'), /^d.yaml:1: /);
  assert.match(await refusal('e.yaml', 'id: 1\n---\nid: 2\n'), /^e.yaml:\d: /);
});

test('JSON is held to JSON', async () => {
  assert.match(await refusal('a.json', 'shards: 8\n'), /^a.json: /);
  assert.match(await refusal('b.json', '{ "shards": 8, "shards": 9 }'), /^b.json:1: Map keys must be unique/);
});

test('aliases are refused, so that no file of a few lines grows', async () => {
  const bomb = 'a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n';
  assert.match(await refusal('bomb.yaml', bomb), /Alias resolution is disabled/);
});

test('a list or a word is no configuration', async () => {
  assert.match(await refusal('list.yaml', '- 1\n'), /^options \(list.yaml\): .* allowed is an object$/);
  assert.match(await refusal('word.yaml', 'word\n'), /^options \(word.yaml\)/);
});

test('a prototype in a file is an unknown key', async () => {
  const layer = await read('proto.json', '{ "__proto__": { "shards": 9 } }');
  assert.equal([...layer.keys()], ['__proto__']);
  assert.is(({} as Record<string, unknown>)['shards'], undefined);
});

test('a missing, unreadable or endless file is told', async () => {
  for (const path of [join(home, 'missing.yaml'), home]) {
    await layerOfFile(NODE_SETTINGS, path).then(
      () => assert.unreachable(),
      (error: Error) => {
        assert.match(error.message, /cannot be read \((ENOENT|EISDIR)\): check the path/);
      },
    );
  }
  assert.match(await refusal('big.yaml', `# ${'x'.repeat(1 << 20)}`), /^big.yaml: has more than 1048576 bytes/);
  await layerOfFile(NODE_SETTINGS, '/dev/zero').then(
    () => assert.unreachable(),
    (error: Error) => {
      assert.match(error.message, /more than 1048576 bytes/);
    },
  );
});

test.run();
