/**
 * The cluster's directory: who it belongs to, made once, checked at every start (S13), held by one process at a time.
 *
 *   <directory>/cluster.json                 format, cluster id, replicas, shards, logs, starts that all counted
 *   <directory>/lock                         pid of the holder
 *   <directory>/replica-<i>/identity.json    cluster id, node id, incarnation, boot counter, whether it forgot
 *   <directory>/replica-<i>/log-<k>/         segments
 *   <directory>/replica-<i>/snapshots/group-<g>/
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mintId, mismatch, prepareDirectory, readJson, syncDirectory, writeDurably } from './directory-files.ts';
import { lockDirectory } from './directory-lock.ts';

const FORMAT = 1;
/** A leader must be elected without the replica that forgot. */
const REPLICAS_TO_REJOIN = 3;

/** The settings that a directory is made with. */
export interface StoredConfig {
  directory: string;
  replicas: number;
  shards: number;
  /** Workers per replica = logs of a replica. */
  workers: number;
  /** What to do with a replica whose directory is missing or an old copy: refuse it, or let it come back without votes. */
  lostReplicas: 'refuse' | 'rejoin';
}

interface ClusterFile {
  format: number;
  clusterId: number;
  replicas: number;
  shards: number;
  logs: number;
  /** Starts that every replica has counted: one that counted less is an old copy. */
  settledBoots: number;
}

interface IdentityFile {
  clusterId: number;
  nodeId: number;
  incarnation: number;
  boots: number;
  /** The directory was lost or rolled back, and the replica's logs do not say so yet (S12). */
  isForgotten: boolean;
}

export interface OpenedDirectory {
  clusterId: number;
  /** Logs of every replica, fixed when the directory was made. */
  logs: number;
  logDirectory(replica: number, log: number): string;
  /** Empty where the logs are volatile. */
  snapshotDirectory(replica: number): string;
  /** The replica's logs must say that they forgot, before anything is voted. */
  isForgotten(replica: number): boolean;
  /** All logs are open: this start counts, and what was forgotten is written where it must be. */
  settle(): void;
  release(): void;
}

/** Takes the directory for this process; makes it at the first start. */
export function openDirectory(config: StoredConfig): OpenedDirectory {
  prepareDirectory(config.directory);
  const release = lockDirectory(config.directory);
  try {
    const cluster = readOrMakeCluster(config);
    const boots = cluster.settledBoots + 1;
    const lost = new Set(findLost(config, cluster));
    const identities = Array.from({ length: cluster.replicas }, (_, replica) =>
      boot(config.directory, cluster, replica, boots, lost.has(replica)),
    );
    return {
      clusterId: cluster.clusterId,
      logs: cluster.logs,
      logDirectory: (replica, log) => join(config.directory, `replica-${replica}`, `log-${log}`),
      snapshotDirectory: (replica) => join(config.directory, `replica-${replica}`, 'snapshots'),
      isForgotten: (replica) => identities[replica]?.isForgotten === true,
      settle: () => settle(config.directory, { ...cluster, settledBoots: boots }, identities),
      release,
    };
  } catch (error) {
    release();
    throw error;
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
    settledBoots: 0,
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
  const identity: IdentityFile = {
    clusterId: cluster.clusterId,
    nodeId: replica + 1,
    incarnation: mintId(),
    boots: 0,
    isForgotten: false,
  };
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

/** Replicas whose homes are missing or old copies; refused unless told otherwise, and unless the others suffice to bring them back (S13). */
function findLost(config: StoredConfig, cluster: ClusterFile): number[] {
  const reasons: string[] = [];
  const lost: number[] = [];
  for (let replica = 0; replica < cluster.replicas; replica++) {
    const reason = whyLost(join(config.directory, `replica-${replica}`), cluster);
    if (reason === undefined) continue;
    lost.push(replica);
    reasons.push(reason);
  }
  if (lost.length === 0) return lost;
  const canReturn = cluster.replicas >= REPLICAS_TO_REJOIN && lost.length === 1;
  if (config.lostReplicas === 'rejoin' && canReturn) return lost;
  throw mismatch(
    `${reasons.join('; ')}: it may have forgotten votes. Restore its directory` +
      (canReturn ? `, or open with lostReplicas: 'rejoin' to let it learn everything from the others.` : '.'),
  );
}

function whyLost(home: string, cluster: ClusterFile): string | undefined {
  const path = join(home, 'identity.json');
  if (!existsSync(path)) return `${path} is missing`;
  for (let log = 0; log < cluster.logs; log++) {
    const directory = join(home, `log-${log}`);
    if (!existsSync(directory)) return `${directory} is missing`;
    if (cluster.settledBoots > 0 && readdirSync(directory).length === 0) return `${directory} is empty`;
  }
  const { boots } = readJson<IdentityFile>(path);
  if (boots >= cluster.settledBoots) return undefined;
  return `${home} is an old copy (start ${boots} of ${cluster.settledBoots})`;
}

/** A replica's home must be the one that was made with the cluster; counts the start. */
function boot(directory: string, cluster: ClusterFile, replica: number, boots: number, isLost: boolean): IdentityFile {
  const home = join(directory, `replica-${replica}`);
  const path = join(home, 'identity.json');
  const fresh = { clusterId: cluster.clusterId, nodeId: replica + 1, incarnation: mintId(), boots, isForgotten: true };
  const identity = existsSync(path) ? readJson<IdentityFile>(path) : fresh;
  if (identity.clusterId !== cluster.clusterId)
    throw mismatch(`${home} belongs to another cluster: put back the right directory.`);
  if (identity.nodeId !== replica + 1)
    throw mismatch(`${home} belongs to node ${identity.nodeId}: put the replica directories back in order.`);
  if (isLost) for (let log = 0; log < cluster.logs; log++) mkdirSync(join(home, `log-${log}`), { recursive: true });
  const booted = { ...identity, boots, isForgotten: isLost || identity.isForgotten };
  writeDurably(home, path, booted);
  return booted;
}

function settle(directory: string, cluster: ClusterFile, identities: IdentityFile[]): void {
  for (const [replica, identity] of identities.entries()) {
    if (!identity.isForgotten) continue;
    identity.isForgotten = false;
    const home = join(directory, `replica-${replica}`);
    writeDurably(home, join(home, 'identity.json'), identity);
  }
  writeDurably(directory, join(directory, 'cluster.json'), cluster);
}
