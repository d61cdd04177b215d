/** `synod bench` counts what was answered, and what was not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { type CliResult, runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/bench');

let target: FakeTarget;
let endpoint: ClientEndpoint;
test.before.each(async () => {
  target = new FakeTarget();
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 10_000, timeoutMs: 1000 });
});
test.after.each(() => endpoint.close());

const run = (...args: string[]): Promise<CliResult> =>
  runCli(['bench', '--seconds', '0.1', '--url', endpoint.url, ...args]);

test('puts and gets are sent, answered and counted', async () => {
  const { code, stdout, stderr } = await run('--json', '--in-flight', '4', '--reads', '50', '--value', '100');
  assert.is(code, 0);
  assert.is(stderr, '', 'kept connections gather no listeners');
  const report = JSON.parse(stdout);
  assert.is(report.operations, target.calls.length);
  assert.ok(report.operations > 0 && report.operationsPerSecond > 0 && report.latencyUs.p50 > 0);
  assert.equal(report.errors, {});
  for (const kind of ['propose', 'read'])
    assert.ok(target.calls.some((call) => call.startsWith(`${kind} synod-bench-`)));
});

test('what fails is counted by its code; nothing done is a failure', async () => {
  target.answer = () => Promise.reject(new SynodError('ERR_SYNOD_FULL', 'Full.'));
  const { code, stdout } = await run('--json', '--in-flight', '1');
  assert.is(code, 1);
  assert.is(JSON.parse(stdout).errors.ERR_SYNOD_FULL, target.calls.length);
});

test('nothing is measured of nodes that are not there or not ready', async () => {
  target.state = { shards: [{ shard: 0, leader: -1, error: undefined }] };
  assert.is((await run()).code, 3);
  assert.is((await runCli(['bench', '--url', 'http://127.0.0.1:1'])).code, 3);
  assert.equal(target.calls, []);
  assert.match((await run('--help')).stdout, /--in-flight/);
});

test.run();
