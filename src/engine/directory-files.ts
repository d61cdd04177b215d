/**
 * Small JSON files that say who a directory belongs to: read with an error that names the file, written so that after a power cut
 * either the old one or the new one stands there.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { SynodError } from '../base/errors.ts';

/** Cluster ids are random numbers below 2^53. */
export function mintId(): number {
  return Number(randomBytes(8).readBigUInt64LE() >> 11n) || 1;
}

/** Makes the directory where it is missing; it must be ours to use. */
export function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${directory} cannot be made or written: check its path and rights.`, {
      cause,
    });
  }
}

export function mismatch(message: string): SynodError {
  return new SynodError('ERR_SYNOD_DIRECTORY_MISMATCH', message);
}

export function readJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${path} cannot be read: restore it from a backup.`, { cause });
  }
}

/** Written beside, flushed, renamed, directory flushed: either the old file or the new one is there. */
export function writeDurably(directory: string, path: string, content: object): void {
  try {
    const descriptor = openSync(`${path}.tmp`, 'w');
    try {
      writeWhole(descriptor, Buffer.from(`${JSON.stringify(content)}\n`));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(`${path}.tmp`, path);
    syncDirectory(directory);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new SynodError('ERR_SYNOD_DISK_FULL', `${path}: no space left to write it: free some.`, { cause });
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${path} cannot be written: check rights and the medium.`, { cause });
  }
}

/** A disk with little space takes part of a write without an error: a file cut short must never get the name. */
function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}

export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
