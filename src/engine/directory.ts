/**
 * The cluster's directory: who it belongs to, made once, checked at every start (S13), held by one process at a time.
 *
 *   <directory>/cluster.json                 format, cluster id, replicas, shards, logs
 *   <directory>/lock                         pid of the holder
 *   <directory>/replica-<i>/identity.json    cluster id, node id, incarnation, boot counter
 *   <directory>/replica-<i>/log-<k>/         segments
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { SynodError } from '../base/errors.ts';

const FORMAT = 1;
const LOCK_ATTEMPTS = 3;

/** The settings that a directory is made with. */
export interface StoredConfig {
  directory: string;
  replicas: number;
  shards: number;
  /** Workers per replica = logs of a replica. */
  workers: number;
}

interface ClusterFile {
  format: number;
  clusterId: number;
  replicas: number;
  shards: number;
  logs: number;
}

interface IdentityFile {
  clusterId: number;
  nodeId: number;
  incarnation: number;
  boots: number;
}

export interface OpenedDirectory {
  clusterId: number;
  /** Logs of every replica, fixed when the directory was made. */
  logs: number;
  logDirectory(replica: number, log: number): string;
  release(): void;
}

/** Takes the directory for this process; makes it at the first start. */
export function openDirectory(config: StoredConfig): OpenedDirectory {
  prepare(config.directory);
  const release = lock(config.directory);
  try {
    const cluster = readOrMakeCluster(config);
    for (let replica = 0; replica < cluster.replicas; replica++) boot(config.directory, cluster, replica);
    return {
      clusterId: cluster.clusterId,
      logs: cluster.logs,
      logDirectory: (replica, log) => join(config.directory, `replica-${replica}`, `log-${log}`),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Cluster ids are random numbers below 2^53. */
export function mintId(): number {
  return Number(randomBytes(8).readBigUInt64LE() >> 11n) || 1;
}

function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${directory} cannot be made or written: check its path and rights.`, {
      cause,
    });
  }
}

function readOrMakeCluster(config: StoredConfig): ClusterFile {
  const path = join(config.directory, 'cluster.json');
  if (!existsSync(path)) return makeCluster(config, path);
  const cluster = readJson<ClusterFile>(path);
  if (cluster.format !== FORMAT)
    throw mismatch(`${path} has format ${cluster.format}, this version reads ${FORMAT}: use the version that made it.`);
  if (cluster.shards !== config.shards) {
    throw mismatch(
      `${config.directory} was made with ${cluster.shards} shards, not ${config.shards}: open it with shards ${cluster.shards}, or use another directory.`,
    );
  }
  if (cluster.replicas !== config.replicas) {
    throw mismatch(
      `${config.directory} was made with ${cluster.replicas} replicas, not ${config.replicas}: open it with replicas ${cluster.replicas}.`,
    );
  }
  return cluster;
}

/** First start: replicas and their logs first, cluster.json last, so that a crash in between is a first start again. */
function makeCluster(config: StoredConfig, path: string): ClusterFile {
  const cluster = {
    format: FORMAT,
    clusterId: mintId(),
    replicas: config.replicas,
    shards: config.shards,
    logs: config.workers,
  };
  for (let replica = 0; replica < cluster.replicas; replica++) makeReplica(config.directory, cluster, replica);
  writeDurably(config.directory, path, cluster);
  return cluster;
}

function makeReplica(directory: string, cluster: ClusterFile, replica: number): void {
  const home = join(directory, `replica-${replica}`);
  if (wasUsed(home)) {
    throw mismatch(
      `${home} was used, but cluster.json is missing beside it: restore that file, or use another directory.`,
    );
  }
  rmSync(home, { recursive: true, force: true });
  for (let log = 0; log < cluster.logs; log++) mkdirSync(join(home, `log-${log}`), { recursive: true });
  const identity: IdentityFile = { clusterId: cluster.clusterId, nodeId: replica + 1, incarnation: mintId(), boots: 0 };
  writeDurably(home, join(home, 'identity.json'), identity);
  syncDirectory(directory);
}

/** True unless the home is absent or as `makeReplica` leaves it: only such a one may be made again. */
function wasUsed(home: string): boolean {
  if (!existsSync(home)) return false;
  const path = join(home, 'identity.json');
  if (existsSync(path) && readJson<IdentityFile>(path).boots > 0) return true;
  return readdirSync(home).some((name) => name.startsWith('log-') && readdirSync(join(home, name)).length > 0);
}

/** A replica's home must be the one that was made with the cluster; a wiped one is refused, never started empty (S13). */
function boot(directory: string, cluster: ClusterFile, replica: number): void {
  const home = join(directory, `replica-${replica}`);
  const path = join(home, 'identity.json');
  if (!existsSync(path)) {
    throw mismatch(
      `${path} is missing: replica ${replica} may have forgotten votes. Restore its directory; an empty one must not vote.`,
    );
  }
  const identity = readJson<IdentityFile>(path);
  if (identity.clusterId !== cluster.clusterId)
    throw mismatch(`${home} belongs to another cluster: put back the right directory.`);
  if (identity.nodeId !== replica + 1)
    throw mismatch(`${home} belongs to node ${identity.nodeId}: put the replica directories back in order.`);
  for (let log = 0; log < cluster.logs; log++) {
    if (!existsSync(join(home, `log-${log}`)))
      throw mismatch(`${join(home, `log-${log}`)} is missing: restore it; an empty log must not vote.`);
  }
  writeDurably(home, path, { ...identity, boots: identity.boots + 1 });
}

function mismatch(message: string): SynodError {
  return new SynodError('ERR_SYNOD_DIRECTORY_MISMATCH', message);
}

function readJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_DIRECTORY', `${path} cannot be read: restore it from a backup.`, { cause });
  }
}

/** Written beside, flushed, renamed, directory flushed: either the old file or the new one is there. */
function writeDurably(directory: string, path: string, content: object): void {
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

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/**
 * One process at a time: a lock file with the holder's pid and start time, taken over only from a process that is gone.
 * Made by a link, so that it never stands there without its content; a stale one is moved away by a rename and looked at
 * again, so that of two processes that find it none removes the fresh lock of the other.
 */
function lock(directory: string): () => void {
  const path = join(directory, 'lock');
  const own = `${path}.${process.pid}`;
  const content = `${process.pid} ${startTime(process.pid)}`;
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
  const [pid, started] = content.split(' ');
  if (isHeld(Number(pid), started)) {
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

/** Start time of a process in clock ticks since boot: tells a reused pid from the holder. Empty where /proc is missing. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
