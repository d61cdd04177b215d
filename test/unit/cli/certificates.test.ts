/** `synod cert` writes what nodes and clients need, and an endpoint with them lets in who has one. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { validateNodeOptions } from '../../../src/config.ts';
import { type NodeEndpoint, openNodeEndpoint } from '../../../src/engine/node-endpoint.ts';
import { runCli } from '../../support/run-cli.ts';
import { FakeTarget } from '../engine/fake-target.ts';

const test = suite('cli/certificates');

let home = '';
test.before(async () => {
  home = mkdtempSync(join(tmpdir(), 'synod-cert-'));
  const { code, stdout, stderr } = await runCli(['cert', 'certs', '--nodes', '1,2'], { directory: home });
  assert.is(code, 0, stderr);
  assert.equal(
    stdout
      .trim()
      .split('\n')
      .map((path) => path.replace('certs/', '')),
    ['ca.pem', 'node-1.pem', 'node-1-key.pem', 'node-2.pem', 'node-2-key.pem'],
  );
});
test.after(() => rmSync(home, { recursive: true, force: true }));

const path = (name: string): string => join(home, 'certs', name);

test('keys are for their owner alone; a second run keeps the authority', async () => {
  assert.is(statSync(path('ca-key.pem')).mode & 0o777, 0o600);
  assert.is(statSync(path('node-1-key.pem')).mode & 0o777, 0o600);
  const before = statSync(path('ca.pem')).mtimeMs;
  const { stdout } = await runCli(['cert', 'certs', '--nodes', '7', '--json'], { directory: home });
  assert.equal(JSON.parse(stdout).nodes[0], {
    nodeId: 7,
    certificate: 'certs/node-7.pem',
    key: 'certs/node-7-key.pem',
  });
  assert.is(statSync(path('ca.pem')).mtimeMs, before);
  assert.ok(existsSync(path('node-7.pem')));
});

test('ids that are none, or twice there, are refused', async () => {
  for (const nodes of ['0', '1,1', 'a', '1048576', ',']) {
    assert.is((await runCli(['cert', 'other', '--nodes', nodes], { directory: home })).code, 2, nodes);
  }
  assert.not(existsSync(join(home, 'other')));
});

/** An endpoint beyond loopback with the certificates of node 1. */
function openEndpoint(): Promise<NodeEndpoint | undefined> {
  const tls = { ca: path('ca.pem'), cert: path('node-1.pem'), key: path('node-1-key.pem') };
  const options = {
    id: 1,
    members: '1@127.0.0.1:7101',
    durability: 'memory',
    tls,
    client: { listen: '0.0.0.0:0' },
  } as const;
  return openNodeEndpoint(new FakeTarget(), validateNodeOptions(options), () => {});
}

const CLIENT = ['--tls-ca', 'certs/ca.pem', '--tls-cert', 'certs/node-2.pem', '--tls-key', 'certs/node-2-key.pem'];

test('the command line talks to an endpoint whose authority it names, with a certificate of it', async () => {
  const endpoint = (await openEndpoint()) as NodeEndpoint;
  const url = endpoint.url.replace('0.0.0.0', '127.0.0.1');
  assert.match(url, /^https:/);
  const good = await runCli(['status', '--json', '--url', url, ...CLIENT], { directory: home });
  assert.is(good.code, 0, good.stderr);
  const stranger = await runCli(['status', '--url', url, '--tls-ca', 'certs/ca.pem'], { directory: home });
  assert.is(stranger.code, 3);
  assert.match(stranger.stderr, /ERR_SYNOD_UNREACHABLE.*CERTIFICATE/);
  const trusting = await runCli(['status', '--url', url], { directory: home });
  assert.is(trusting.code, 3);
  const plain = await runCli(['status', '--url', url.replace('https', 'http')], { directory: home });
  assert.is(plain.code, 3);
  await endpoint.reloadTls();
  assert.is((await runCli(['status', '--json', '--url', url, ...CLIENT], { directory: home })).code, 0);
  await endpoint.close(100);
});

test.run();
