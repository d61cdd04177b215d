/** Links between real processes: over sockets, shared memory and libfabric's software providers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadNative } from '../../src/native-binding.ts';
import { LinkMaker } from '../native/link-kit.ts';
import { type LinksKind, testLinks } from '../support/links-suite.ts';

const host = '127.0.0.1';
const SOCKETS: LinksKind = { name: 'tcp', transport: 'tcp', provider: 'auto', host };
const SHARED: LinksKind = { name: 'shm', transport: 'shm', provider: 'auto', host };
const FABRIC: readonly LinksKind[] = [
  { name: 'rdma(tcp)', transport: 'rdma', provider: 'tcp', host },
  { name: 'rdma(shm)', transport: 'rdma', provider: 'shm', host },
];

const { binding, reason } = loadNative('auto');
if (binding === undefined) {
  const test = suite('links between processes');
  test('without the addon links stay with the sockets', () => assert.ok(reason.length > 0));
  test.run();
} else {
  const probe = new LinkMaker(binding, 'rdma(tcp)');
  const hasFabric = await probe.open();
  probe.close();
  if (!hasFabric) console.log(`SKIPPED: the suites of links over libfabric (2), ${probe.status?.why}`);
  for (const kind of [SOCKETS, SHARED, ...(hasFabric ? FABRIC : [])]) testLinks(kind);
}
