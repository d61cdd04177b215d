/** The kv commands against an endpoint with a real machine behind it, in processes of their own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientEndpoint } from '../../../src/engine/client-endpoint.ts';
import { createMachine } from '../../../src/machines/kv.ts';
import { MachineCalls } from '../../support/machine-calls.ts';
import { type CliResult, runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/kv');

const target = new FakeTarget();
let endpoint: ClientEndpoint;
test.before(async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax: 10_000, timeoutMs: 1000 });
});
test.before.each(() => {
  const machine = new MachineCalls(createMachine({ groupId: 0, replicaIndex: 0 }));
  target.answer = async (bytes) =>
    target.calls.at(-1)?.startsWith('read') ? machine.query(bytes) : machine.apply(bytes);
});
test.after(() => endpoint.close());

const run = (args: string[], input?: string): Promise<CliResult> =>
  runCli(args, { environment: { SYNOD_URL: endpoint.url }, ...(input === undefined ? {} : { input }) });

test('put, get and delete a key', async () => {
  assert.equal(await run(['put', 'k', 'hello']), { code: 0, stdout: 'revision 1\n', stderr: '' });
  assert.equal(await run(['get', 'k']), { code: 0, stdout: 'hello\n', stderr: '' });
  assert.is((await run(['get', 'k', '--raw'])).stdout, 'hello');
  assert.is((await run(['delete', 'k'])).code, 0);
  assert.equal(await run(['get', 'k']), { code: 5, stdout: '', stderr: 'synod: k: no such key\n' });
  assert.is((await run(['delete', 'k'])).code, 5);
});

test('JSON tells everything in one line', async () => {
  assert.equal(JSON.parse((await run(['put', 'k', 'ff', '--hex', '--json'])).stdout), {
    key: 'k',
    status: 'ok',
    revision: 1,
    number: null,
  });
  assert.equal(JSON.parse((await run(['get', 'k', '--json'])).stdout), {
    key: 'k',
    found: true,
    revision: 1,
    value: { text: null, base64: '/w==' },
  });
  const absent = await run(['get', 'other', '--json']);
  assert.is(absent.code, 5);
  assert.equal(JSON.parse(absent.stdout), { key: 'other', found: false, revision: 0, value: null });
});

test('a value comes from the standard input, and may be empty', async () => {
  assert.is((await run(['put', 'k'], 'line\n')).code, 0);
  assert.is((await run(['get', 'k', '--raw'])).stdout, 'line\n');
  assert.is((await run(['put', 'k', ''])).code, 0);
  assert.equal(await run(['get', 'k', '--raw']), { code: 0, stdout: '', stderr: '' });
});

test('compare-and-swap says no with the revision that is there', async () => {
  assert.is((await run(['put', 'k', 'a', '--if-revision', '0'])).code, 0);
  const again = await run(['put', 'k', 'b', '--if-revision', '0']);
  assert.equal(again, { code: 5, stdout: '', stderr: 'synod: k: has another revision (revision 1)\n' });
  assert.is((await run(['put', 'k', 'b', '--if-revision', '1'])).stdout, 'revision 2\n');
  assert.is((await run(['put', 'k', 'b', '--if-revision', '2', '--ttl', '5'])).code, 2);
});

test('numbers are added to', async () => {
  assert.is((await run(['increment', 'n'])).stdout, '1\n');
  assert.is((await run(['increment', 'n', '41'])).stdout, '42\n');
  assert.is((await run(['increment', 'n', '--', '-2'])).stdout, '40\n');
  assert.is((await run(['increment', 'n', 'many'])).code, 2);
});

test('another machine than kv is noticed', async () => {
  target.answer = async () => Uint8Array.of(1, 2);
  const { code, stderr } = await run(['get', 'k']);
  assert.is(code, 2);
  assert.match(stderr, /machine is not kv/);
});

test('help and a missing key', async () => {
  for (const command of ['get', 'put', 'delete', 'increment']) {
    const { code, stdout } = await run([command, '--help']);
    assert.is(code, 0);
    assert.match(stdout, new RegExp(`^synod ${command} <key>[\\s\\S]*Exit codes:`));
    assert.match((await run([command])).stderr, /^synod: <key>: is missing/);
  }
});

test.run();
