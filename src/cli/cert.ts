/**
 * Development certificates: an authority for one cluster, and a certificate per node that names it (transport/tls-identity). In
 * production an authority of your own signs certificates of the same form; nothing here is needed at run time.
 *
 *   directory ┬ ca.pem          what every node trusts        ┬ ca-key.pem         stays with you: whoever has it can join
 *             └ node-<id>.pem   certificate of a node         └ node-<id>-key.pem  its key, for that node alone
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SynodError } from '../base/errors.ts';
import { nodeName } from '../transport/tls-identity.ts';

const OWNER_ONLY = 0o600;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const NODE_DAYS = 365;

/** A certificate and its key, PEM. */
export interface Signed {
  certificate: string;
  key: string;
}

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

export interface CertificateFiles {
  ca: string;
  /** By node id, in the order asked for. */
  nodes: { nodeId: number; certificate: string; key: string }[];
}

export interface CertificateOptions {
  /** As in the `cluster` setting of the nodes' tls; '' = not part of the names. */
  clusterName?: string;
}

/**
 * Writes certificates for the nodes into a directory. An authority that is already there signs them, so nodes can be added later.
 * Rejects with ERR_SYNOD_TLS where the directory cannot be used or the package that makes certificates is not installed.
 */
export async function makeCertificates(
  directory: string,
  nodeIds: readonly number[],
  { clusterName = '' }: CertificateOptions = {},
): Promise<CertificateFiles> {
  try {
    mkdirSync(directory, { recursive: true });
    const ca = join(directory, 'ca.pem');
    const authority = await takeAuthority(ca, join(directory, 'ca-key.pem'));
    const files: CertificateFiles = { ca, nodes: [] };
    for (const nodeId of nodeIds) {
      const certificate = join(directory, `node-${nodeId}.pem`);
      const key = join(directory, `node-${nodeId}-key.pem`);
      const signed = await signNode(authority, [nodeName(nodeId, clusterName)], validFor(NODE_DAYS));
      writeFileSync(certificate, signed.certificate);
      writeFileSync(key, signed.key, { mode: OWNER_ONLY });
      files.nodes.push({ nodeId, certificate, key });
    }
    return files;
  } catch (cause) {
    if (cause instanceof SynodError) throw cause;
    throw new SynodError('ERR_SYNOD_TLS', `Certificates cannot be written to ${directory}: ${String(cause)}.`, {
      cause,
    });
  }
}

async function takeAuthority(certificatePath: string, keyPath: string): Promise<Signed> {
  if (existsSync(certificatePath) && existsSync(keyPath)) {
    return { certificate: readFileSync(certificatePath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
  }
  const authority = await makeAuthority('Synod development authority');
  writeFileSync(certificatePath, authority.certificate);
  writeFileSync(keyPath, authority.key, { mode: OWNER_ONLY });
  return authority;
}

/** An authority that signs itself. */
export async function makeAuthority(name: string): Promise<Signed> {
  const { notBefore, notAfter } = validFor(AUTHORITY_DAYS);
  const generate = await loadGenerator();
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: notBefore,
    notAfterDate: notAfter,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: cert, key };
}

/** A certificate for the DNS names, signed by the authority; usable at both ends of a connection. */
export async function signNode(authority: Signed, names: readonly string[], validity: Validity): Promise<Signed> {
  const generate = await loadGenerator();
  const { cert, private: key } = await generate([{ name: 'commonName', value: names[0] ?? 'nobody' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: validity.notBefore,
    notAfterDate: validity.notAfter,
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2 as const, value })) },
    ],
  });
  return { certificate: cert, key };
}

/** From a day ago, so that clocks may differ. */
export function validFor(days: number): Validity {
  const now = Date.now();
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** An optional dependency: only this file needs it, and only while it makes certificates. */
async function loadGenerator(): Promise<typeof import('selfsigned').generate> {
  try {
    return (await import('selfsigned')).generate;
  } catch (cause) {
    throw new SynodError(
      'ERR_SYNOD_TLS',
      'Making certificates needs the package selfsigned, which is not installed here: npm install selfsigned, or use an authority of your own.',
      { cause },
    );
  }
}
