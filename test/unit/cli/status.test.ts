/** `synod status`: table, JSON, metrics, readiness, and waiting for it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import type { TargetStatus } from '../../../src/engine/client-target.ts';
import { type CliResult, runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/status');

const READY: TargetStatus = { id: 2, shards: [{ shard: 0, leader: 1, error: undefined }] };
const UNREADY: TargetStatus = { id: 2, shards: [{ shard: 0, leader: 0, error: undefined }] };

let target: FakeTarget;
let endpoint: ClientEndpoint;
test.before.each(async () => {
  target = new FakeTarget();
  target.state = READY;
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 100, timeoutMs: 1000 });
});
test.after.each(() => endpoint.close());

const run = (...args: string[]): Promise<CliResult> => runCli(['status', ...args, '--url', endpoint.url]);

test('table, JSON and metrics', async () => {
  assert.match((await run()).stdout, /^node 2 · 1 shards/);
  assert.equal(JSON.parse((await run('--json')).stdout), { id: 2, shards: [{ shard: 0, leader: 1 }] });
  assert.match((await run('--metrics')).stdout, /^synod_fake 1$/m);
});

test('readiness is an exit code', async () => {
  assert.equal(await run('--ready'), { code: 0, stdout: 'ready\n', stderr: '' });
  target.state = UNREADY;
  assert.is((await run('--ready')).code, 5);
  assert.equal(JSON.parse((await run('--ready', '--json')).stdout), { ready: false });
  assert.is((await runCli(['status', '--ready', '--url', 'http://127.0.0.1:1'])).code, 3);
});

test('waiting ends when it is ready, or time is up', async () => {
  target.state = UNREADY;
  const { code, stderr } = await run('--wait', '0.2');
  assert.is(code, 3);
  assert.match(stderr, /ERR_SYNOD_NO_LEADER/);
  let asked = 0;
  target.status = () => {
    asked += 1;
    return asked < 4 ? UNREADY : READY;
  };
  assert.is((await run('--wait', '60')).code, 0);
  assert.ok(asked >= 4);
});

test.run();
