/** What an operator asks of a running node reaches it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { type CliResult, runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/operations');

let target: FakeTarget;
let endpoint: ClientEndpoint;
test.before.each(async () => {
  target = new FakeTarget();
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 100, timeoutMs: 1000 });
});
test.after.each(() => endpoint.close());

const run = (...args: string[]): Promise<CliResult> => runCli([...args, '--url', endpoint.url]);

test('a shard is handed over', async () => {
  assert.equal(await run('transfer', '3', '2'), { code: 0, stdout: 'shard 3: asked to go to 2\n', stderr: '' });
  assert.equal(JSON.parse((await run('transfer', '3', '2', '--json')).stdout), { shard: 3, to: 2 });
  assert.equal(target.calls, ['transfer 3 2', 'transfer 3 2']);
  assert.is((await run('transfer', '-1', '2')).code, 2);
  assert.is((await run('transfer', '4096', '2')).code, 2);
  assert.is((await run('transfer', '3')).code, 2);
});

test('a snapshot is taken of one shard, or of all', async () => {
  assert.is((await run('snapshot', 'take', '0')).stdout, 'asked for a snapshot of shards 0\n');
  assert.equal(JSON.parse((await run('snapshot', 'take', '--json')).stdout), { shards: [0] });
  assert.equal(target.calls, ['snapshot 0', 'snapshot 0']);
});

test('help', async () => {
  assert.match((await run('transfer', '--help')).stdout, /^synod transfer <shard> <node>/);
  assert.match((await run('snapshot', 'take', '--help')).stdout, /^synod snapshot take/);
});

test.run();
