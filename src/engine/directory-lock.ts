/**
 * One process at a time in a directory: a lock file with the holder's pid, its start time, and the boot and pid namespace in which
 * they mean something; taken over only from a process that is gone. Who holds it in another container cannot be asked: there the
 * kernel's lock on the log directories, which the addon takes, decides.
 * Made by a link, so that it never stands there without its content; a stale one is moved away by a rename and looked at
 * again, so that of two processes that find it none removes the fresh lock of the other.
 */
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SynodError } from '../base/errors.ts';

const LOCK_ATTEMPTS = 3;
/** This boot of the machine, and the namespace of process ids: elsewhere the same pid and start time are somebody else. */
const SURROUNDINGS: readonly string[] = [bootId(), pidNamespace()];

/** Takes the directory; returns what gives it back. Throws ERR_SYNOD_DIRECTORY_LOCKED while a living process holds it. */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock');
  const own = `${path}.${process.pid}`;
  const content = [process.pid, startTime(process.pid), ...SURROUNDINGS].join(' ');
  try {
    writeFileSync(own, content);
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (isLinked(own, path)) return () => releaseLock(path, content);
      removeStale(directory, path, `${own}.stale`);
    }
  } catch (cause) {
    if (cause instanceof SynodError) throw cause;
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${path} cannot be made: check the rights of the directory.`, {
      cause,
    });
  } finally {
    rmSync(own, { force: true });
  }
  throw new SynodError('ERR_SYNOD_DIRECTORY_LOCKED', `${directory} was taken by another process just now.`);
}

/** Makes the lock, whole, unless there is one. */
function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves the lock of a process that is gone out of the way; throws when its holder lives. */
function removeStale(directory: string, path: string, stale: string): void {
  const content = readIfThere(path);
  if (content === undefined) return;
  const [pid, started, ...surroundings] = content.split(' ');
  const isOurs = surroundings.join(' ') === SURROUNDINGS.join(' ');
  if (isOurs && isHeld(Number(pid), started)) {
    throw new SynodError('ERR_SYNOD_DIRECTORY_LOCKED', `${directory} is held by process ${pid}: close it there first.`);
  }
  try {
    renameSync(path, stale);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Somebody was faster and the moved one is theirs: it goes back.
  if (readIfThere(stale) !== content) isLinked(stale, path);
  rmSync(stale, { force: true });
}

/** Removes this process's lock, once: by the second time it may be another's. */
function releaseLock(path: string, content: string): void {
  if (readIfThere(path) === content) rmSync(path, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isHeld(pid: number, started: string | undefined): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startTime(pid) === started;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '-';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '-';
  }
}

/** Start time of a process in clock ticks since boot: tells a reused pid from the holder. Empty where /proc is missing. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
