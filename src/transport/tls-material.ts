/**
 * The certificates of a node, read from files at start and again whenever a file changes: rotation and revocation need no restart.
 *
 *   files ─ read, tried ─▶ SecureContext ─▶ the listener, every later dial
 *             └ not usable: a warning, and the last usable ones stay
 */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsFiles } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';

export class TlsMaterial {
  readonly clusterName: string;
  readonly #files: TlsFiles;
  #options: SecureContextOptions = {};
  #version = '';

  private constructor(files: TlsFiles) {
    this.#files = files;
    this.clusterName = files.clusterName;
  }

  /** Rejects with ERR_SYNOD_TLS when a file cannot be read or the files do not fit together. */
  static async load(files: TlsFiles): Promise<TlsMaterial> {
    const material = new TlsMaterial(files);
    await material.reload();
    return material;
  }

  /** What servers and clients of this node are made with: both prove themselves, nothing below TLS 1.3. */
  get options(): SecureContextOptions {
    return this.#options;
  }

  /** Reads the files again. Rejects with ERR_SYNOD_TLS, and keeps what it had, when they are not usable. */
  async reload(): Promise<void> {
    // Files that are not usable are not tried again before one of them changes.
    this.#version = await this.#fileVersion();
    const { ca, certificate, key, revoked } = this.#files;
    const options: SecureContextOptions = {
      ca: await read(ca),
      cert: await read(certificate),
      key: await read(key),
      ...(revoked === '' ? {} : { crl: await read(revoked) }),
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    };
    try {
      createSecureContext(options);
    } catch (cause) {
      throw new SynodError(
        'ERR_SYNOD_TLS',
        `The certificate ${certificate}, its key ${key} and the authority ${ca} do not make a usable whole: ${String(cause)}. Compare them, or make new ones with npx synod cert.`,
        { cause },
      );
    }
    this.#options = options;
  }

  /** True when a file is another than at the last `reload`. */
  async hasChanged(): Promise<boolean> {
    return (await this.#fileVersion()) !== this.#version;
  }

  async #fileVersion(): Promise<string> {
    const { ca, certificate, key, revoked } = this.#files;
    const parts = await Promise.all([ca, certificate, key, revoked].map(versionOf));
    return parts.join('|');
  }
}

/** Changes when a file is written, replaced, or reached through another link. */
async function versionOf(path: string): Promise<string> {
  if (path === '') return '';
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return 'absent';
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_TLS', `The file ${path} cannot be read: ${String(cause)}. Check the tls options.`, {
      cause,
    });
  }
}
