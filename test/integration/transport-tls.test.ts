/** Mutual TLS between nodes: who proves to be a member is in, everybody else is out, and rotation needs no restart. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeAuthority, signNode, validFor } from '../../src/cli/cert.ts';
import { nodeName } from '../../src/transport/tls-identity.ts';
import type { TlsFiles } from '../../workers/worker-data.ts';
import { TestCertificates } from '../support/certificates.ts';
import { openNodes, type TestNode, until } from '../support/transport-kit.ts';

const test = suite('integration/transport-tls');
let certificates: TestCertificates;
let nodes: TestNode[] = [];

test.before(async () => {
  certificates = await TestCertificates.make();
});
test.after(() => certificates.remove());
test.after.each(async () => {
  for (const node of nodes) await node.close();
  nodes = [];
});

/** Two nodes with these certificates. */
async function open(tls: (TlsFiles | undefined)[]): Promise<[TestNode, TestNode]> {
  nodes = await openNodes(
    tls.map((files, memberIndex) => ({
      memberIndex,
      memberCount: tls.length,
      ...(files === undefined ? {} : { tls: files }),
    })),
  );
  return nodes as [TestNode, TestNode];
}

const isUp = (): boolean => nodes[0]!.link(1).state === 'up' && nodes[1]!.link(0).state === 'up';
const refusals = (node: TestNode): number => node.strangers.refusals + node.link(0).refusals + node.link(1).refusals;

test('nodes with certificates of their authority talk, over TLS', async () => {
  const [a, b] = await open([await certificates.node(1), await certificates.node(2)]);
  await until(isUp);
  assert.is(a.link(1).transport, 'tls');
  for (let mark = 0; mark < 20; mark++) assert.ok(a.send(1, 0, mark, 64 + mark * 5000));
  await until(() => b.poll() >= 0 && b.arrivals.length === 20);
  assert.equal(refusals(a) + refusals(b), 0);
});

/** Certificates of the dialling node 1 that node 2 must not take. */
const WRONG: [string, () => Promise<TlsFiles>][] = [
  ['signed by itself', async () => selfSigned()],
  ['of another authority', async () => otherAuthority()],
  ['expired', async () => dated(-3, -1)],
  ['not valid yet', async () => dated(1, 3)],
  ['of another node', async () => certificates.node(3)],
  ['of no node at all', async () => named([])],
  ['with a name that only begins alike', async () => named(['synod-node-11', 'x.synod-node-1'])],
];
for (const [what, files] of WRONG) {
  test(`a dialling node whose certificate is ${what} is refused by the other`, async () => {
    const [a, b] = await open([await files(), await certificates.node(2)]);
    await until(() => refusals(b) > 0);
    assert.is.not(a.link(1).state, 'up');
    assert.is.not(b.link(0).state, 'up');
    const reason = [b.strangers.reason, b.link(0).reason];
    assert.ok(reason.includes('certificate'), `${reason}`);
    assert.ok(b.messages.some((message) => message.kind === 'refused' && message.reason === 'certificate'));
  });

  test(`an accepting node whose certificate is ${what} is refused by the dialler`, async () => {
    const wrong = what === 'of another node' ? await certificates.node(3) : await files();
    const [a, b] = await open([await certificates.node(1), wrong]);
    // A name that fits node 1 does not fit node 2: every wrong certificate is wrong here too.
    await until(() => refusals(a) > 0);
    assert.is.not(a.link(1).state, 'up');
    assert.is.not(b.link(0).state, 'up');
    assert.is(a.link(1).reason, 'certificate');
  });
}

test('a node that speaks plain text to one that has certificates is refused, and the other way round', async () => {
  const [, b] = await open([undefined, await certificates.node(2)]);
  await until(() => refusals(b) > 0);
  assert.is.not(b.link(0).state, 'up');
  for (const node of nodes.splice(0)) await node.close();
  const [a, plain] = await open([await certificates.node(1), undefined]);
  await until(() => refusals(plain) > 0 && refusals(a) > 0);
  assert.is(plain.strangers.reason, 'notSynod');
  assert.is.not(a.link(1).state, 'up');
});

test('a client without a certificate, and one that knows TLS 1.2 at most, are refused', async () => {
  const [, b] = await open([await certificates.node(1), await certificates.node(2)]);
  const base = {
    host: '127.0.0.1',
    port: b.port,
    ca: certificates.authority.certificate,
    checkServerIdentity: () => undefined,
  };
  const ended = (options: object): Promise<void> =>
    new Promise((resolve) => {
      const socket = connectTls({ ...base, ...options });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  const before = refusals(b);
  await ended({});
  await until(() => refusals(b) > before);
  const { certificate: cert, key } = await signNode(certificates.authority, [nodeName(1, '')], validFor(1));
  const old = refusals(b);
  await ended({ maxVersion: 'TLSv1.2', cert, key });
  await until(() => refusals(b) > old);
});

test('noise instead of TLS is refused and leaves the links alone', async () => {
  const [a, b] = await open([await certificates.node(1), await certificates.node(2)]);
  await until(isUp);
  const socket = connectPlain({ host: '127.0.0.1', port: b.port });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  socket.resume();
  await until(() => b.strangers.refusals > 0 && socket.destroyed);
  assert.ok(isUp());
  assert.is(a.link(1).connects, 1);
});

test('replaced certificates are taken over without a restart: the old authority is out, the new one in', async () => {
  const old = [await certificates.node(1), await certificates.node(2)] as const;
  const [a, b] = await open([...old]);
  await until(isUp);
  const authority = await makeAuthority('the next one');
  for (const [index, files] of old.entries()) {
    const next = certificates.files(
      await signNode(authority, [nodeName(index + 1, '')], validFor(1)),
      authority.certificate,
    );
    copyFileSync(next.ca, files.ca);
    copyFileSync(next.certificate, files.certificate);
    copyFileSync(next.key, files.key);
  }
  await b.built.reloadTls();
  await until(() => a.link(1).state !== 'up' && a.link(1).reason === 'certificate');
  await a.built.reloadTls();
  await until(isUp);
  assert.ok(a.link(1).connects >= 2);
});

test('files that do not fit together leave the certificates in use, with a warning', async () => {
  const files = await certificates.node(1);
  const [a] = await open([files, await certificates.node(2)]);
  await until(isUp);
  copyFileSync((await certificates.node(1)).key, files.key);
  await a.built.reloadTls();
  assert.ok(a.messages.some((message) => message.kind === 'warning' && /that were in use stay/.test(message.message)));
  assert.ok(isUp());
});

test('a revoked certificate is out once the list is there, without a restart', async () => {
  const [one, other] = [await certificates.node(1), await certificates.node(2)];
  const revoked = certificates.list([]);
  const [a, b] = await open([one, { ...other, revoked: await revoked }]);
  await until(isUp);
  writeFileSync(await revoked, readFileSync(await certificates.list([readFileSync(one.certificate, 'utf8')])));
  await b.built.reloadTls();
  await until(() => a.link(1).state !== 'up' && refusals(b) > 0);
  assert.ok(
    b.messages.some(
      (message) =>
        message.kind === 'refused' && message.reason === 'certificate' && /CERT_REVOKED/.test(message.message),
    ),
  );
});

async function selfSigned(): Promise<TlsFiles> {
  return certificates.files(await makeAuthority('nobody but me'));
}

async function otherAuthority(): Promise<TlsFiles> {
  const signed = await signNode(await makeAuthority('another'), [nodeName(1, ''), nodeName(2, '')], validFor(1));
  return certificates.files(signed);
}

async function dated(fromDays: number, toDays: number): Promise<TlsFiles> {
  const day = 86_400_000;
  const validity = { notBefore: new Date(Date.now() + fromDays * day), notAfter: new Date(Date.now() + toDays * day) };
  return certificates.files(await signNode(certificates.authority, [nodeName(1, ''), nodeName(2, '')], validity));
}

async function named(names: string[]): Promise<TlsFiles> {
  return certificates.files(
    await signNode(certificates.authority, names.length === 0 ? ['nobody'] : names, validFor(1)),
  );
}

test.run();
