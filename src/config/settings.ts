/**
 * The one table of settings: name, default, range, meaning, and whom it concerns. Options, flags, environment, files, help and
 * README are all read from it.
 *
 *   name         tls.ca            windowSlots
 *   flag         --tls-ca          --window-slots
 *   environment  SYNOD_TLS_CA      SYNOD_WINDOW_SLOTS
 *   file         tls: { ca: … }    windowSlots: …
 */
import {
  BATCH_BYTES_TARGET,
  CLOCK_DRIFT_PPM,
  ELECTION_JITTER_TICKS,
  ELECTION_TIMEOUT_TICKS,
  GROUPS_MAX,
  HEARTBEAT_TICKS,
  LOG_SEGMENT_BYTES,
  MEMBERS_MAX,
  NODE_ID_MAX,
  PAYLOAD_BYTES_DEFAULT,
  PAYLOAD_BYTES_MAX,
  REPLY_BYTES_MAX,
  REQUEST_RING_BYTES,
  RING_BYTES_MIN,
  SNAPSHOTS_KEPT,
  TICK_MS,
  WINDOW_SLOTS_MAX,
} from '../limits.ts';
import { address, members } from './addresses.ts';
import {
  integer,
  multiple,
  odd,
  oneOf,
  powerOfTwo,
  type Range,
  text,
  textOrUrl,
  withMethods,
  wordOr,
  yesOrNo,
  zeroOr,
} from './ranges.ts';

/** Whom a setting concerns. */
export type Scope = 'cluster' | 'node' | 'both';

export interface Setting extends Range {
  /** With a dot where it lies in a group of its own. */
  name: string;
  scope: Scope;
  default: string | number | boolean | undefined;
  doc: string;
}

const LANE_BYTES_MAX = 1 << 28;
const BATCH_BYTES_MIN = 4096;
const BATCH_BYTES_MAX = 1 << 19;
const WORKERS_MAX = 64;
const TIMEOUT_MS_DEFAULT = 30_000;
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const WAITERS_DEFAULT = 1_000_000;
const WAITERS_MAX = 100_000_000;
const START_TIMEOUT_MS_DEFAULT = 60_000;
const CLOSE_TIMEOUT_MS_DEFAULT = 5000;
const TICKS_MAX = 10_000;
const TICK_MS_MAX = 1000;
const LEASE_MS_MAX = 60_000;
const CLOCK_DRIFT_PPM_MAX = 500_000;
const SEED_MAX = 2 ** 32 - 1;
const SNAPSHOT_LOG_BYTES_DEFAULT = 1 << 28;
const SNAPSHOT_INTERVAL_MS_DEFAULT = 3_600_000;
const SNAPSHOTS_KEPT_MAX = 16;
const SNAPSHOT_SEND_DEFAULT = 1 << 27;
/** Slower, and the silence between parts would look like a loss. */
const SNAPSHOT_SEND_MIN = 1 << 20;
const MEMORY_LOG_BYTES_DEFAULT = 1 << 30;
const MEMORY_LOG_BYTES_MAX = 2 ** 40;
/** A largest reply must fit half a completion ring. */
const COMPLETION_BYTES_MIN = 4 * REPLY_BYTES_MAX;
const PAYLOAD_BYTES_MIN = 64;

export const SETTINGS: readonly Setting[] = [
  // who and where
  node('id', undefined, integer(1, NODE_ID_MAX), 'id of this node, one of the members'),
  node('members', undefined, members(), 'all nodes, and where the others reach them'),
  node('cluster', 'synod', text('a name'), 'name of the cluster: nodes and certificates of another are refused'),
  node('listen', undefined, address(0), "where this node listens for the others; its own member's address when absent"),
  both('directory', undefined, text('a path; not needed with durability memory'), 'where the logs are kept'),
  node('bootstrap', false, yesOrNo(), 'true at the one start that makes a new cluster, at every member'),
  // shape
  cluster('replicas', 3, odd(1, MEMBERS_MAX), 'members of every group; a majority must live'),
  both('shards', 4, integer(1, GROUPS_MAX), 'independent groups that the keys are spread over'),
  both(
    'workers',
    'auto',
    wordOr(['per-group', 'auto'], integer(1, WORKERS_MAX)),
    'threads per replica; auto = 1 in a cluster, as many as cores (at most shards) in a node',
  ),
  both('machine', 'kv', textOrUrl("'kv', 'counter', 'audit', or the path or URL of a module"), 'the state machine'),
  both(
    'durability',
    'auto',
    oneOf('auto', 'dax', 'direct', 'buffered', 'fs', 'memory'),
    'log device; auto probes the path',
  ),
  // network
  node('tls.ca', undefined, text('a path'), 'certificates (PEM) that sign the nodes'),
  node('tls.cert', undefined, text('a path'), "this node's certificate (PEM)"),
  node('tls.key', undefined, text('a path'), 'its private key (PEM)'),
  node(
    'tls.revoked',
    undefined,
    text('a path'),
    'certificates that count no more: a revocation list (PEM) of the authority',
  ),
  node(
    'insecure',
    false,
    yesOrNo(),
    'plain text between nodes beyond loopback: anybody on the network can read and forge',
  ),
  node('transport', 'auto', oneOf('auto', 'tcp', 'shm', 'rdma'), 'how bytes get to the other nodes'),
  node('rdmaProvider', 'auto', oneOf('auto', 'verbs', 'efa', 'tcp', 'shm'), 'libfabric provider of transport rdma'),
  node('client.listen', 'off', wordOr(['off'], address(0)), 'HTTP endpoint for the command line, probes and metrics'),
  node('client.insecure', false, yesOrNo(), 'plain HTTP beyond loopback: anybody on the network can read and write'),
  // sizes
  both('payloadBytesMax', PAYLOAD_BYTES_DEFAULT, integer(PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX), 'longest command'),
  both('laneBytes', REQUEST_RING_BYTES, powerOfTwo(RING_BYTES_MIN, LANE_BYTES_MAX), 'request ring of a lane'),
  both(
    'completionBytes',
    COMPLETION_BYTES_MIN,
    powerOfTwo(COMPLETION_BYTES_MIN, LANE_BYTES_MAX),
    'its completion rings',
  ),
  both('batchBytes', BATCH_BYTES_TARGET, integer(BATCH_BYTES_MIN, BATCH_BYTES_MAX), 'a batch closes at this size'),
  both('windowSlots', WINDOW_SLOTS_MAX, integer(1, WINDOW_SLOTS_MAX), 'batches of a group in flight'),
  both('waitersMax', WAITERS_DEFAULT, integer(0, WAITERS_MAX), 'calls per group that wait for room'),
  both(
    'memoryLogBytes',
    MEMORY_LOG_BYTES_DEFAULT,
    multiple(LOG_SEGMENT_BYTES, 2 * LOG_SEGMENT_BYTES, MEMORY_LOG_BYTES_MAX),
    'volatile log of a worker, in all',
  ),
  both(
    'snapshotLogBytes',
    SNAPSHOT_LOG_BYTES_DEFAULT,
    integer(0, MEMORY_LOG_BYTES_MAX),
    'log bytes of a worker after which its groups take a snapshot and older log is given back; 0 = never for that',
  ),
  both(
    'snapshotIntervalMs',
    SNAPSHOT_INTERVAL_MS_DEFAULT,
    integer(0, TIMEOUT_MS_MAX),
    'time after which a group takes a snapshot of what is new; 0 = never for that',
  ),
  both(
    'snapshotsKept',
    SNAPSHOTS_KEPT,
    integer(1, SNAPSHOTS_KEPT_MAX),
    'snapshots kept per group, and the log behind the oldest; with 1 a replica that starts a slot behind waits for a whole image',
  ),
  both(
    'snapshotSendBytesPerSecond',
    SNAPSHOT_SEND_DEFAULT,
    zeroOr(SNAPSHOT_SEND_MIN, MEMORY_LOG_BYTES_MAX),
    'rate at which a worker sends snapshots to replicas that lag; 0 = as fast as they take them',
  ),
  // time
  both('tickMs', TICK_MS, integer(1, TICK_MS_MAX), 'length of a tick'),
  both('heartbeatTicks', HEARTBEAT_TICKS, integer(1, TICKS_MAX), 'ticks between heartbeats'),
  both('electionTimeoutTicks', ELECTION_TIMEOUT_TICKS, integer(4, TICKS_MAX), 'silence until an election'),
  both('electionJitterTicks', ELECTION_JITTER_TICKS, integer(1, TICKS_MAX), 'random part added to it'),
  both(
    'leaseMs',
    'auto',
    wordOr(['auto'], integer(0, LEASE_MS_MAX)),
    'how long a leader may answer lease reads without a round, the same at every node; auto = half the election timeout, 0 = never. Lower it only after every node was down for the old value',
  ),
  both(
    'clockDriftPpm',
    CLOCK_DRIFT_PPM,
    integer(0, CLOCK_DRIFT_PPM_MAX),
    'how far the rate of any clock may be from real time, in millionths: lease reads are right within it',
  ),
  both('timeoutMs', TIMEOUT_MS_DEFAULT, integer(0, TIMEOUT_MS_MAX), 'default deadline of propose and read; 0 = none'),
  both('startTimeoutMs', START_TIMEOUT_MS_DEFAULT, integer(100, TIMEOUT_MS_MAX), 'silence of a starting worker'),
  both(
    'closeTimeoutMs',
    CLOSE_TIMEOUT_MS_DEFAULT,
    integer(0, TIMEOUT_MS_MAX),
    'how long close waits for commands in flight',
  ),
  // the rest
  both('native', 'auto', oneOf('auto', 'required', 'off'), 'use of the native addon'),
  both(
    'lostReplicas',
    'refuse',
    oneOf('refuse', 'rejoin'),
    'a replica whose directory is missing or an old copy: refuse to start, or let it come back without votes',
  ),
  both('seed', undefined, integer(0, SEED_MAX), 'seed of everything random; drawn when absent'),
  both('logger', undefined, withMethods('debug', 'info', 'warn', 'error'), 'gets diagnostics; silent when absent'),
];

/** The settings that concern a cluster in one process, or a node. */
export function settingsOf(scope: 'cluster' | 'node'): readonly Setting[] {
  return SETTINGS.filter((setting) => setting.scope === 'both' || setting.scope === scope);
}

export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-')}`;
}

export function variableOf(name: string): string {
  return `SYNOD_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

type Preset = Setting['default'];

function cluster(name: string, preset: Preset, range: Range, doc: string): Setting {
  return { name, scope: 'cluster', default: preset, doc, ...range };
}

function node(name: string, preset: Preset, range: Range, doc: string): Setting {
  return { name, scope: 'node', default: preset, doc, ...range };
}

function both(name: string, preset: Preset, range: Range, doc: string): Setting {
  return { name, scope: 'both', default: preset, doc, ...range };
}
