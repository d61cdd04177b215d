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
    writeSync(descriptor, `${JSON.stringify(content)}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(`${path}.tmp`, path);
    syncDirectory(directory);
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${path} cannot be written: check rights and free space.`, { cause });
  }
}

export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
