/**
 * The directory of one node: made by an explicit act (S13), checked at every start, held by one process at a time.
 *
 *   <directory>/node.json     cluster, node, incarnation, starts, members, what peers showed of themselves
 *   <directory>/lock          the holder
 *   <directory>/log-<k>/      segments
 *   <directory>/snapshots/group-<g>/
 *
 * An empty directory is a new member of a new cluster only where `bootstrap` says so. Otherwise it may have been lost: it is
 * refused, or comes back without votes (S12). Peers refuse an incarnation or a count of starts that they know better.
 */
import { createHash, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SynodError } from '../base/errors.ts';
import { mismatch, prepareDirectory, readJson, writeDurably } from './directory-files.ts';
import { lockDirectory } from './directory-lock.ts';

const FORMAT = 1;
const SNAPSHOTS = 'snapshots';
/** Random part of an incarnation: a millisecond's many. */
const INCARNATION_RANDOM = 2 ** 11;
/** A leader must be elected without the node that forgot. */
const MEMBERS_TO_REJOIN = 3;

export interface NodeIdentity {
  directory: string;
  /** Name of the cluster, and ids of its members: they make the cluster id. */
  cluster: string;
  id: number;
  memberIds: readonly number[];
  shards: number;
  /** Logs of a directory that is made now. */
  workers: number;
  bootstrap: boolean;
  lostReplicas: 'refuse' | 'rejoin';
}

/** What a peer showed of itself, by node id. */
export interface SeenPeer {
  incarnation: number;
  boots: number;
}

interface NodeFile {
  format: number;
  clusterId: number;
  nodeId: number;
  memberIds: number[];
  shards: number;
  logs: number;
  incarnation: number;
  boots: number;
  /** All logs were open once: from then on an empty one has lost something. */
  isSettled: boolean;
  /** Made for a member that lost an earlier directory: peers take its incarnation for that one's. */
  isReplacement: boolean;
  /** Votes were lost, and the logs do not say so yet (S12). */
  isForgotten: boolean;
  peers: Record<string, SeenPeer>;
}

export interface OpenedNodeDirectory {
  clusterId: number;
  logs: number;
  incarnation: number;
  /** Starts of this directory, this one included; durable. */
  boots: number;
  /** Came in the place of a directory that was lost: a later incarnation is one to believe. */
  isReplacement: boolean;
  isForgotten: boolean;
  /** Empty where logs are volatile. */
  logDirectory(log: number): string;
  snapshotDirectory: string;
  peer(nodeId: number): SeenPeer;
  /** Keeps durably what a peer showed. */
  notePeer(nodeId: number, seen: SeenPeer): void;
  /** All logs are open: what was forgotten is written where it must be. */
  settle(): void;
  release(): void;
}

/** The same for all nodes of a cluster, and for no other name or set of members. */
export function clusterIdOf(cluster: string, memberIds: readonly number[]): number {
  const text = `${cluster}\0${[...memberIds].sort((a, b) => a - b).join(',')}`;
  return Number(createHash('sha256').update(text).digest().readBigUInt64LE() >> 11n) || 1;
}

/**
 * Incarnations of one node are ordered by the time at which its directories were made, so that peers know a replacement from a lost
 * directory that was found again: milliseconds, then random bits. Only an operator makes directories; no vote depends on the clock.
 */
function mintIncarnation(): number {
  return Date.now() * INCARNATION_RANDOM + randomInt(INCARNATION_RANDOM);
}

/** Takes the directory for this process. Throws ERR_SYNOD_DIRECTORY, ERR_SYNOD_DIRECTORY_MISMATCH, ERR_SYNOD_DIRECTORY_LOCKED. */
export function openNodeDirectory(identity: NodeIdentity): OpenedNodeDirectory {
  prepareDirectory(identity.directory);
  const release = lockDirectory(identity.directory);
  try {
    const path = join(identity.directory, 'node.json');
    const stored = existsSync(path) ? checked(identity, path) : firstStart(identity, path);
    const file: NodeFile = { ...stored, boots: stored.boots + 1 };
    for (let log = 0; log < file.logs; log++) mkdirSync(join(identity.directory, `log-${log}`), { recursive: true });
    return opened(identity.directory, path, file, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** A node without a directory: it forgets at exit, so only a bootstrap may begin with votes (S4). */
export function volatileNodeDirectory(identity: Omit<NodeIdentity, 'directory'>): OpenedNodeDirectory {
  if (!identity.bootstrap && identity.lostReplicas === 'refuse')
    throw refusedEmpty('A node with volatile logs', identity.memberIds.length);
  const peers = new Map<number, SeenPeer>();
  return {
    clusterId: clusterIdOf(identity.cluster, identity.memberIds),
    logs: 0,
    incarnation: mintIncarnation(),
    boots: 1,
    isReplacement: !identity.bootstrap,
    isForgotten: !identity.bootstrap,
    logDirectory: () => '',
    snapshotDirectory: '',
    peer: (nodeId) => peers.get(nodeId) ?? UNSEEN,
    notePeer: (nodeId, seen) => void peers.set(nodeId, seen),
    settle: () => {},
    release: () => {},
  };
}

const UNSEEN: SeenPeer = { incarnation: 0, boots: 0 };

function opened(directory: string, path: string, file: NodeFile, release: () => void): OpenedNodeDirectory {
  writeDurably(directory, path, file);
  return {
    clusterId: file.clusterId,
    logs: file.logs,
    incarnation: file.incarnation,
    boots: file.boots,
    isReplacement: file.isReplacement,
    get isForgotten() {
      return file.isForgotten;
    },
    logDirectory: (log) => join(directory, `log-${log}`),
    snapshotDirectory: join(directory, SNAPSHOTS),
    peer: (nodeId) => file.peers[nodeId] ?? UNSEEN,
    notePeer(nodeId, seen) {
      file.peers[nodeId] = seen;
      writeDurably(directory, path, file);
    },
    settle() {
      if (file.isSettled && !file.isForgotten) return;
      file.isForgotten = false;
      file.isSettled = true;
      writeDurably(directory, path, file);
    },
    release,
  };
}

/** No identity stands here: a new cluster by explicit act, or a member that lost what it had. */
function firstStart(identity: NodeIdentity, path: string): NodeFile {
  const { directory, cluster, id, memberIds, shards, workers, bootstrap, lostReplicas } = identity;
  // A cluster of the same name and members has the same id: nothing tells its files from those of an earlier one.
  const used = readdirSync(directory).filter(
    (name) => (name.startsWith('log-') || name === SNAPSHOTS) && hasFiles(join(directory, name)),
  );
  if (used.length > 0)
    throw mismatch(
      `${directory} holds ${used.join(', ')}, but ${path} is missing: restore that file, or use an empty directory.`,
    );
  const canRejoin = memberIds.length >= MEMBERS_TO_REJOIN;
  if (!bootstrap && (lostReplicas === 'refuse' || !canRejoin)) throw refusedEmpty(directory, memberIds.length);
  return {
    format: FORMAT,
    clusterId: clusterIdOf(cluster, memberIds),
    nodeId: id,
    memberIds: [...memberIds],
    shards,
    logs: workers,
    incarnation: mintIncarnation(),
    boots: 0,
    isSettled: false,
    isReplacement: !bootstrap,
    isForgotten: !bootstrap,
    peers: {},
  };
}

function refusedEmpty(what: string, members: number): SynodError {
  const rejoin =
    members >= MEMBERS_TO_REJOIN ? `; lostReplicas: 'rejoin' if it was lost, to learn everything from the others` : '';
  return mismatch(`${what} is empty: set bootstrap: true if this is the first start of a new cluster${rejoin}.`);
}

/** The identity that stands here must be the one asked for. */
function checked(identity: NodeIdentity, path: string): NodeFile {
  const { directory, id, memberIds, shards, lostReplicas } = identity;
  const file = readJson<NodeFile>(path);
  if (file.format !== FORMAT)
    throw mismatch(`${path} has format ${file.format}, this version reads ${FORMAT}: use the version that made it.`);
  if (file.nodeId !== id)
    throw mismatch(`${directory} belongs to node ${file.nodeId}, not ${id}: put the directories back in order.`);
  if (file.clusterId !== clusterIdOf(identity.cluster, memberIds))
    throw mismatch(
      `${directory} belongs to a cluster of nodes ${file.memberIds.join(', ')} or of another name: open it with those members and that name.`,
    );
  if (file.shards !== shards)
    throw mismatch(
      `${directory} was made with ${file.shards} shards, not ${shards}: open it with shards ${file.shards}, or use another directory.`,
    );
  const empty = emptyLog(directory, file);
  if (empty === undefined) return file;
  if (lostReplicas === 'rejoin' && memberIds.length >= MEMBERS_TO_REJOIN) return { ...file, isForgotten: true };
  throw mismatch(
    `${empty} was used and is empty now: it may have forgotten votes. Restore it, or open with lostReplicas: 'rejoin' to learn everything from the others.`,
  );
}

/** A log that held something once, and holds nothing now. */
function emptyLog(directory: string, file: NodeFile): string | undefined {
  if (!file.isSettled || file.isForgotten) return undefined;
  for (let log = 0; log < file.logs; log++) {
    const path = join(directory, `log-${log}`);
    if (!existsSync(path) || !hasFiles(path)) return path;
  }
  return undefined;
}

function hasFiles(directory: string): boolean {
  return readdirSync(directory).length > 0;
}
