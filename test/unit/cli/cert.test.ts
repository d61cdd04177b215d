/** Development certificates: one authority, a certificate per node, keys for their owner alone. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { makeCertificates } from '../../../src/cli/cert.ts';

const test = suite('cli/cert');
let directory: string;
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-cert-'));
});
test.after.each(() => rmSync(directory, { recursive: true, force: true }));

const read = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

test('every node gets a certificate that its authority signed and that names it', async () => {
  const { ca, nodes } = await makeCertificates(join(directory, 'deep', 'er'), [1, 2], { clusterName: 'prod' });
  const authority = read(ca);
  assert.ok(authority.ca);
  assert.equal(
    nodes.map(({ nodeId }) => nodeId),
    [1, 2],
  );
  for (const { nodeId, certificate } of nodes) {
    const found = read(certificate);
    assert.ok(found.verify(authority.publicKey));
    assert.not.ok(found.ca);
    assert.is(found.subjectAltName, `DNS:synod-node-${nodeId}.prod`);
  }
});

test('keys are readable by their owner alone', async () => {
  const { nodes } = await makeCertificates(directory, [1]);
  for (const path of [nodes[0]!.key, join(directory, 'ca-key.pem')]) assert.is(statSync(path).mode & 0o777, 0o600);
});

test('nodes can be added later: the same authority signs them', async () => {
  await makeCertificates(directory, [1]);
  const before = readFileSync(join(directory, 'ca.pem'), 'utf8');
  const { ca, nodes } = await makeCertificates(directory, [4]);
  assert.is(readFileSync(ca, 'utf8'), before);
  assert.ok(read(nodes[0]!.certificate).verify(read(ca).publicKey));
});

test('a directory that cannot be is an error that says so', async () => {
  writeFileSync(join(directory, 'file'), '');
  try {
    await makeCertificates(join(directory, 'file', 'below'), [1]);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, SynodError);
    assert.is((error as SynodError).code, 'ERR_SYNOD_TLS');
  }
});

test.run();
