/** A certificate names a node exactly, now, or not at all. */
import { X509Certificate } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeAuthority, signNode, validFor } from '../../../src/cli/cert.ts';
import { namesNode, nodeName } from '../../../src/transport/tls-identity.ts';

const test = suite('transport/tls-identity');

const NOW = Date.parse('2026-06-01T00:00:00Z');
const certificate = (subjectaltname: string) => ({
  subjectaltname,
  valid_from: 'May  1 00:00:00 2026 GMT',
  valid_to: 'Jul  1 00:00:00 2026 GMT',
});

test('the name holds the node id, and the cluster where it has a name', () => {
  assert.is(nodeName(3, ''), 'synod-node-3');
  assert.is(nodeName(3, 'prod'), 'synod-node-3.prod');
});

test('a certificate names the node that it names', () => {
  assert.ok(namesNode(certificate('DNS:synod-node-3'), 3, '', NOW));
  assert.ok(namesNode(certificate('IP Address:10.0.0.1, DNS:synod-node-3, DNS:other'), 3, '', NOW));
  assert.ok(namesNode(certificate('DNS:synod-node-3.prod'), 3, 'prod', NOW));
});

test('and no other: not by prefix, wildcard, other kind of name or quoting', () => {
  for (const name of [
    'DNS:synod-node-31',
    'DNS:synod-node-*',
    'URI:synod-node-3',
    'DNS:synod-node-2',
    'DNS:"x, DNS:synod-node-3"',
    '',
  ]) {
    assert.not.ok(namesNode(certificate(name), 3, '', NOW), name);
  }
  assert.not.ok(namesNode(certificate('DNS:synod-node-3.test'), 3, 'prod', NOW));
  assert.not.ok(namesNode(undefined, 3, '', NOW));
});

test('it does so while it is valid', () => {
  assert.not.ok(namesNode(certificate('DNS:synod-node-3'), 3, '', Date.parse('2026-04-30T00:00:00Z')));
  assert.not.ok(namesNode(certificate('DNS:synod-node-3'), 3, '', Date.parse('2026-07-02T00:00:00Z')));
  assert.not.ok(namesNode({ ...certificate('DNS:synod-node-3'), valid_to: 'never' }, 3, '', NOW));
});

test('what our own certificates say is what is looked for', async () => {
  const signed = await signNode(await makeAuthority('test'), [nodeName(5, 'c')], validFor(1));
  const { subjectAltName, validFrom, validTo } = new X509Certificate(signed.certificate);
  const found = { subjectaltname: subjectAltName as string, valid_from: validFrom, valid_to: validTo };
  assert.ok(namesNode(found, 5, 'c', Date.now()));
  assert.not.ok(namesNode(found, 6, 'c', Date.now()));
});

test.run();
