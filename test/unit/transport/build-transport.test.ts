/** A node's transport from its birth data: refused where it would talk in the clear, listening where told. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { buildTransport } from '../../../src/transport/build-transport.ts';
import type { TransportData } from '../../../workers/worker-data.ts';
import { makeTransportData } from '../../support/transport-kit.ts';

const test = suite('transport/build-transport');

async function failure(overrides: Partial<TransportData>): Promise<SynodError> {
  const data = makeTransportData({ memberIndex: 0, memberCount: 2, overrides });
  try {
    (await buildTransport(data, () => {})).close();
  } catch (error) {
    data.control.close();
    return error as SynodError;
  }
  return assert.unreachable('it was to be refused') as never;
}

test('plain text to another machine is refused with what to do', async () => {
  const { members } = makeTransportData({ memberIndex: 0, memberCount: 2 });
  const outside = members.map((member) => (member.memberIndex === 1 ? { ...member, host: 'node-2.example' } : member));
  const error = await failure({ members: outside });
  assert.is(error.code, 'ERR_SYNOD_CONFIG');
  assert.match(error.message, /node-2\.example is not: .*synod cert.*insecure: true/);
  assert.is((await failure({ listen: { host: '0.0.0.0', port: 0 } })).code, 'ERR_SYNOD_CONFIG');
});

test('plain text to another machine goes when it was asked for by name', async () => {
  const data = makeTransportData({
    memberIndex: 0,
    memberCount: 2,
    overrides: { listen: { host: '0.0.0.0', port: 0 }, insecureTransport: true },
  });
  const built = await buildTransport(data, () => {});
  assert.is(built.ready.kind, 'ready');
  built.close();
  data.control.close();
});

test('the ready message names the port that the system chose', async () => {
  const data = makeTransportData({ memberIndex: 0, memberCount: 2 });
  const built = await buildTransport(data, () => {});
  assert.ok(built.ready.kind === 'ready' && built.ready.port > 0 && built.ready.host === '127.0.0.1');
  built.close();
  data.control.close();
});

test('certificates that cannot be read are an error of their own', async () => {
  const tls = { ca: '/nowhere', certificate: '/nowhere', key: '/nowhere', revoked: '', clusterName: '' };
  assert.is((await failure({ tls })).code, 'ERR_SYNOD_TLS');
});

test.run();
