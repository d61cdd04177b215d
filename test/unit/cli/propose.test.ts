/** Bytes to any machine and back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { type CliResult, runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/propose');

let target: FakeTarget;
let endpoint: ClientEndpoint;
test.before.each(async () => {
  target = new FakeTarget();
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 100, timeoutMs: 1000 });
});
test.after.each(() => endpoint.close());

const run = (args: string[], input?: string): Promise<CliResult> =>
  runCli([...args, '--url', endpoint.url], input === undefined ? {} : { input });

test('commands and queries go as words, digits or input, and answers come alike', async () => {
  assert.equal(await run(['propose', 'k', 'abc']), { code: 0, stdout: 'abc', stderr: '' });
  assert.equal(await run(['read', 'k', '00ff', '--hex', '--consistency', 'stale']), {
    code: 0,
    stdout: '00ff\n',
    stderr: '',
  });
  assert.is((await run(['propose', 'k', '--timeout', '77'], 'from input')).stdout, 'from input');
  const { stdout } = await run(['propose', 'k', 'a', '--json']);
  assert.equal(JSON.parse(stdout), { reply: { text: 'a', base64: 'YQ==' } });
  assert.equal(target.calls.slice(0, 3), ['propose k 3 10000', 'read k 2 10000 stale', 'propose k 10 77']);
});

test('what became of a command is the exit code', async () => {
  for (const [code, exit] of [
    ['ERR_SYNOD_OUTCOME_UNKNOWN', 4],
    ['ERR_SYNOD_NO_LEADER', 3],
    ['ERR_SYNOD_MACHINE_FAILED', 1],
    ['ERR_SYNOD_KEY', 1],
  ] as const) {
    target.answer = () => Promise.reject(new SynodError(code, 'So.'));
    assert.equal(await run(['propose', 'k', 'a']), { code: exit, stdout: '', stderr: `synod: ${code}: So.\n` });
  }
  assert.is((await runCli(['propose', 'k', 'a', '--url', 'http://127.0.0.1:1'])).code, 3);
  assert.is((await run(['propose', 'k', 'x'.repeat(101)])).code, 1);
});

test('an error can be JSON too', async () => {
  const { code, stdout, stderr } = await runCli(['propose', 'k', 'a', '--json', '--url', 'http://127.0.0.1:1']);
  assert.is(code, 3);
  assert.is(stdout, '');
  assert.is(JSON.parse(stderr).error.code, 'ERR_SYNOD_UNREACHABLE');
});

test('help', async () => {
  for (const command of ['propose', 'read']) assert.match((await run([command, '--help'])).stdout, /Exit codes:/);
});

test.run();
