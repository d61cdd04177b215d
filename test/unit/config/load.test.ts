/** options > flags > environment > file > default, for nodes and clusters, with the source of each value. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig, loadNodeConfig } from '../../../src/config/load.ts';
import { validateNodeOptions } from '../../../src/config/validate.ts';

const test = suite('config/load');

let home = '';
test.before(() => {
  home = mkdtempSync(join(tmpdir(), 'synod-load-'));
});
test.after(() => rmSync(home, { recursive: true, force: true }));

const MEMBERS = '1@127.0.0.1:7101,2@127.0.0.1:7102,3@127.0.0.1:7103';

test('the strongest source wins, and each value knows its own', async () => {
  const file = join(home, 'node.yaml');
  writeFileSync(file, `members: ${MEMBERS}\nid: 3\nshards: 3\nwindowSlots: 3\nbatchBytes: 8000\n`);
  const { config, resolved } = await loadNodeConfig({
    options: { id: 1 },
    flags: { id: '2', directory: 'from-flag', shards: '2' },
    environment: { SYNOD_ID: '3', SYNOD_SHARDS: '1', SYNOD_WINDOW_SLOTS: '2' },
    file,
  });
  assert.is(config.id, 1);
  assert.is(config.shards, 2);
  assert.is(config.windowSlots, 2);
  assert.is(config.batchBytes, 8000);
  assert.is(config.tickMs, 10);
  const sources = ['id', 'shards', 'windowSlots', 'batchBytes', 'tickMs'].map((name) => resolved.get(name)?.source);
  assert.equal(sources, ['', 'flag --shards', 'environment SYNOD_WINDOW_SLOTS', `${file}:5`, 'default']);
});

test('what concerns several settings is told with the source of the one that is wrong', async () => {
  const file = join(home, 'open.yaml');
  writeFileSync(file, 'id: 1\n\nmembers: 1@10.0.0.1:7101\ndirectory: d\n');
  await loadNodeConfig({ file }).then(
    () => assert.unreachable(),
    (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`^members \\(${file}:3\\): "1@10.0.0.1:7101" is not allowed; .*without tls`),
      );
    },
  );
});

test('a file cannot make a cluster at every start', async () => {
  const file = join(home, 'bootstrap.yaml');
  writeFileSync(file, `members: ${MEMBERS}\nid: 1\ndirectory: d\nbootstrap: true\n`);
  await loadNodeConfig({ file }).then(
    () => assert.unreachable(),
    (error: Error) =>
      assert.match(error.message, /^bootstrap \(.*:4\): true is not allowed; allowed is the flag --bootstrap/),
  );
  writeFileSync(file, `members: ${MEMBERS}\nid: 1\ndirectory: d\nbootstrap: false\n`);
  assert.is((await loadNodeConfig({ file, flags: { bootstrap: 'true' } })).config.bootstrap, true);
});

test('a cluster is configured the same way', async () => {
  const { config } = await loadConfig({ flags: { replicas: '5' }, environment: { SYNOD_DURABILITY: 'memory' } });
  assert.is(config.replicas, 5);
  assert.is(config.durability, 'memory');
});

test('a complete configuration is itself an option object that means the same', async () => {
  const tls = { ca: 'ca', cert: 'cert', key: 'key' };
  const { config } = await loadNodeConfig({
    options: { id: 2, members: MEMBERS, directory: 'd', tls, client: { listen: 7201 } },
  });
  assert.equal(validateNodeOptions(config), config);
});

test.run();
