/** Certificates of a node: usable or refused with what to do; read again when a file changes. */
import { renameSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { TlsMaterial } from '../../../src/transport/tls-material.ts';
import { TestCertificates } from '../../support/certificates.ts';

const test = suite('transport/tls-material');
let certificates: TestCertificates;
test.before(async () => {
  certificates = await TestCertificates.make();
});
test.after(() => certificates.remove());

async function failure(promise: Promise<unknown>): Promise<SynodError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, SynodError);
    return error as SynodError;
  }
  return assert.unreachable('it was to fail') as never;
}

test('nothing below TLS 1.3 is spoken', async () => {
  const { options } = await TlsMaterial.load(await certificates.node(1));
  assert.is(options.minVersion, 'TLSv1.3');
  assert.ok(options.ca !== undefined && options.cert !== undefined && options.key !== undefined);
});

test('a missing file is named', async () => {
  const error = await failure(TlsMaterial.load({ ...(await certificates.node(1)), key: '/nowhere/key.pem' }));
  assert.is(error.code, 'ERR_SYNOD_TLS');
  assert.match(error.message, /\/nowhere\/key\.pem cannot be read/);
});

test('a key of another certificate is refused', async () => {
  const [one, other] = [await certificates.node(1), await certificates.node(2)];
  const error = await failure(TlsMaterial.load({ ...one, key: other.key }));
  assert.match(error.message, /do not make a usable whole/);
});

test('a replaced file is noticed, and unusable files leave what there was', async () => {
  const [files, other] = [await certificates.node(1), await certificates.node(1)];
  const material = await TlsMaterial.load(files);
  const before = material.options;
  assert.not.ok(await material.hasChanged());
  renameSync(other.certificate, files.certificate);
  assert.ok(await material.hasChanged());
  await failure(material.reload());
  assert.is(material.options, before, 'half of a rotation is no rotation');
  assert.not.ok(await material.hasChanged(), 'it is not tried again and again');
  renameSync(other.key, files.key);
  assert.ok(await material.hasChanged());
  await material.reload();
  assert.is.not(material.options, before);
});

test('a file that vanishes is a change', async () => {
  const files = await certificates.node(1);
  const material = await TlsMaterial.load(files);
  renameSync(files.ca, `${files.ca}.away`);
  assert.ok(await material.hasChanged());
  writeFileSync(files.ca, certificates.authority.certificate);
  await material.reload();
});

test.run();
