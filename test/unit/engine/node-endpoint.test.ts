/** A node's settings decide whether, where and how its endpoint answers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type NodeOptions, validateNodeOptions } from '../../../src/config.ts';
import { type NodeEndpoint, openNodeEndpoint } from '../../../src/engine/node-endpoint.ts';
import { FakeTarget } from './fake-target.ts';

const test = suite('node-endpoint');

function open(options: NodeOptions): Promise<NodeEndpoint | undefined> {
  const config = validateNodeOptions({ id: 1, members: '1@127.0.0.1:7101', durability: 'memory', ...options });
  return openNodeEndpoint(new FakeTarget(), config, () => {});
}

test('no endpoint unless one is asked for', async () => {
  assert.is(await open({}), undefined);
});

test('loopback is plain, also with certificates', async () => {
  const tls = { ca: '/nowhere/ca', cert: '/nowhere/cert', key: '/nowhere/key' };
  for (const options of [{}, { tls }]) {
    const endpoint = (await open({ client: { listen: 0 }, ...options })) as NodeEndpoint;
    assert.match(endpoint.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.is((await fetch(`${endpoint.url}/healthz`)).status, 200);
    await endpoint.close(100);
  }
});

test('beyond loopback the certificates are read, or the loud word holds', async () => {
  const tls = { ca: '/nowhere/ca', cert: '/nowhere/cert', key: '/nowhere/key' };
  await open({ client: { listen: '0.0.0.0:0' }, tls }).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /nowhere.*ENOENT/),
  );
  const endpoint = (await open({ client: { listen: '0.0.0.0:0', insecure: true } })) as NodeEndpoint;
  await endpoint.close(100);
});

test.run();
