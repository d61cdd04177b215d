/** Certificates for tests: good ones, and one for every way to be wrong. Made once per process; files in a directory of the test. */
import { createPrivateKey, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority, type Signed, signNode, validFor } from '../../src/cli/cert.ts';
import { nodeName } from '../../src/transport/tls-identity.ts';
import type { TlsFiles } from '../../workers/worker-data.ts';

export class TestCertificates {
  readonly directory: string;
  readonly authority: Signed;
  #count = 0;

  private constructor(directory: string, authority: Signed) {
    this.directory = directory;
    this.authority = authority;
  }

  static async make(): Promise<TestCertificates> {
    return new TestCertificates(mkdtempSync(join(tmpdir(), 'synod-tls-')), await makeAuthority('the test cluster'));
  }

  /** Files of a node that proves to be `nodeId`. */
  async node(nodeId: number): Promise<TlsFiles> {
    return this.files(await signNode(this.authority, [nodeName(nodeId, '')], validFor(1)));
  }

  /** Files of any signed pair, trusting `ca`. */
  files(signed: Signed, ca: string = this.authority.certificate): TlsFiles {
    this.#count += 1;
    const path = (name: string): string => join(this.directory, `${this.#count}-${name}.pem`);
    const files = { ca: path('ca'), certificate: path('certificate'), key: path('key'), revoked: '', clusterName: '' };
    writeFileSync(files.ca, ca);
    writeFileSync(files.certificate, signed.certificate);
    writeFileSync(files.key, signed.key);
    return files;
  }

  /** A revocation list of the authority; it is not empty, because the standard wants none that is. */
  async list(revoked: string[]): Promise<string> {
    this.#count += 1;
    const path = join(this.directory, `${this.#count}-revoked.pem`);
    const { X509Certificate, X509CrlGenerator } = await import('@peculiar/x509');
    const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' };
    const der = createPrivateKey(this.authority.key).export({ type: 'pkcs8', format: 'der' });
    const { notBefore, notAfter } = validFor(1);
    const list = await X509CrlGenerator.create({
      issuer: new X509Certificate(this.authority.certificate).subject,
      thisUpdate: notBefore,
      nextUpdate: notAfter,
      entries: [
        { serialNumber: '01', revocationDate: notBefore },
        ...revoked.map((pem) => ({ serialNumber: new X509Certificate(pem).serialNumber, revocationDate: notBefore })),
      ],
      signingAlgorithm,
      signingKey: await webcrypto.subtle.importKey('pkcs8', der, signingAlgorithm, false, ['sign']),
    });
    // OpenSSL knows the list by another label.
    writeFileSync(path, list.toString('pem').replaceAll(/(BEGIN|END) CRL/g, '$1 X509 CRL'));
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
