/**
 * User options → complete, valid, deeply frozen settings; what concerns several of them is checked here.
 *
 *   openCluster(options) ─▶ validateOptions ─────▶ Config ─────┐
 *   openNode(options) ────▶ validateNodeOptions ─▶ NodeConfig ─┴▶ engine
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Address, Member } from './addresses.ts';
import { formatMember, isLoopback } from './addresses.ts';
import { fail, type Layer, layerOfObject, type Resolved, resolveSettings } from './resolve.ts';
import { type Setting, settingsOf } from './settings.ts';
import type { ClusterOptions, Config, NodeConfig, NodeOptions, TlsFiles } from './types.ts';

/** As in memory/descriptor, which lies above this storey. */
const COMMAND_HEADER_BYTES = 16;

export const CLUSTER_SETTINGS = settingsOf('cluster');
export const NODE_SETTINGS = settingsOf('node');
const PLAIN_NODE_SETTINGS = NODE_SETTINGS.filter(({ name }) => !name.includes('.'));

/** Checks the options of a cluster and fills in the defaults. Throws ERR_SYNOD_CONFIG with name, value and allowed range. */
export function validateOptions(options: ClusterOptions = {}): Readonly<Config> {
  return clusterConfig(resolveSettings(CLUSTER_SETTINGS, [optionsLayer(CLUSTER_SETTINGS, options)]));
}

/** As `validateOptions`, for a node. */
export function validateNodeOptions(options: NodeOptions = {}): Readonly<NodeConfig> {
  return nodeConfig(resolveSettings(NODE_SETTINGS, [optionsLayer(NODE_SETTINGS, options)]));
}

function optionsLayer(settings: typeof CLUSTER_SETTINGS, options: unknown): Layer {
  return layerOfObject(settings, options, () => '');
}

export function clusterConfig(resolved: Resolved): Readonly<Config> {
  complete(resolved, 1);
  checkRelations(resolved);
  return freeze(pick(resolved, CLUSTER_SETTINGS) as unknown as Config);
}

export function nodeConfig(resolved: Resolved): Readonly<NodeConfig> {
  const shards = get<number>(resolved, 'shards');
  complete(resolved, Math.min(shards, availableParallelism()));
  checkRelations(resolved);
  const members = get<readonly Member[] | undefined>(resolved, 'members');
  if (members === undefined)
    failAt(resolved, 'members', "every node of the cluster, such as '1@10.0.0.1:7101,2@10.0.0.2:7101'");
  const self = members.find(({ id }) => id === get(resolved, 'id'));
  if (self === undefined)
    failAt(resolved, 'id', `the id of one of the members: ${members.map(({ id }) => id).join(', ')}`);
  const listen = get<Address | undefined>(resolved, 'listen') ?? { host: self.host, port: self.port };
  resolved.set('listen', { value: listen, source: resolved.get('listen')?.source ?? '' });
  const client = get<Address | 'off'>(resolved, 'client.listen');
  const tls = readTls(resolved);
  checkSecrecy(resolved, members, listen, tls);
  const config = pick(resolved, PLAIN_NODE_SETTINGS) as unknown as NodeConfig;
  config.tls = tls;
  config.client = { listen: client === 'off' ? undefined : client, insecure: get(resolved, 'client.insecure') };
  return freeze(config);
}

/** The values of these settings under their names. */
function pick(resolved: Resolved, settings: readonly Setting[]): Record<string, unknown> {
  return Object.fromEntries(settings.map(({ name }) => [name, get(resolved, name)]));
}

/** Values that follow from others or from the machine. */
function complete(resolved: Resolved, workers: number): void {
  if (get(resolved, 'workers') === 'auto') replace(resolved, 'workers', workers);
  if (get(resolved, 'leaseMs') === 'auto') replace(resolved, 'leaseMs', electionTimeoutMs(resolved) >> 1);
  if (get(resolved, 'seed') === undefined) replace(resolved, 'seed', randomBytes(4).readUInt32LE());
  if (resolved.get('laneBytes')?.source !== 'default') return;
  const needed = laneBytesFor(get(resolved, 'payloadBytesMax'));
  if (get<number>(resolved, 'laneBytes') < needed) replace(resolved, 'laneBytes', needed);
}

function electionTimeoutMs(resolved: Resolved): number {
  return get<number>(resolved, 'electionTimeoutTicks') * get<number>(resolved, 'tickMs');
}

function checkRelations(resolved: Resolved): void {
  if (get(resolved, 'directory') === undefined && get(resolved, 'durability') !== 'memory') {
    failAt(resolved, 'directory', "a path, or durability 'memory' for one that forgets everything at exit");
  }
  const heartbeatTicks = get<number>(resolved, 'heartbeatTicks');
  if (heartbeatTicks * 4 >= get<number>(resolved, 'electionTimeoutTicks')) {
    failAt(resolved, 'electionTimeoutTicks', `more than 4 times heartbeatTicks (${heartbeatTicks})`);
  }
  const payloadBytesMax = get<number>(resolved, 'payloadBytesMax');
  const laneBytes = laneBytesFor(payloadBytesMax);
  if (get<number>(resolved, 'laneBytes') < laneBytes) {
    failAt(resolved, 'laneBytes', `at least ${laneBytes} with payloadBytesMax ${payloadBytesMax}`);
  }
}

/** A record, header included, is at most half its lane. */
function laneBytesFor(payloadBytesMax: number): number {
  return 2 ** Math.ceil(Math.log2(2 * (payloadBytesMax + COMMAND_HEADER_BYTES)));
}

function readTls(resolved: Resolved): TlsFiles | undefined {
  const names = ['tls.ca', 'tls.cert', 'tls.key'] as const;
  const missing = names.filter((name) => get(resolved, name) === undefined);
  if (missing.length === names.length) return undefined;
  for (const name of missing) failAt(resolved, name, 'a path: tls needs ca, cert and key together');
  const revoked = get<string | undefined>(resolved, 'tls.revoked');
  const files = {
    ca: get<string>(resolved, 'tls.ca'),
    cert: get<string>(resolved, 'tls.cert'),
    key: get<string>(resolved, 'tls.key'),
  };
  return revoked === undefined ? files : { ...files, revoked };
}

/** Nothing goes in plain text over a network unless somebody said so. */
function checkSecrecy(
  resolved: Resolved,
  members: readonly Member[],
  listen: Address,
  tls: TlsFiles | undefined,
): void {
  if (tls !== undefined) return;
  const remedy = "tls.ca, tls.cert and tls.key ('synod cert' makes some for trials)";
  const open = members.find(({ host }) => !isLoopback(host));
  if (!get<boolean>(resolved, 'insecure')) {
    const advice = `a loopback address without tls: set ${remedy}, or insecure: true to let anybody read and forge`;
    if (open !== undefined) fail('members', resolved.get('members')?.source ?? '', formatMember(open), advice);
    if (!isLoopback(listen.host)) fail('listen', resolved.get('listen')?.source ?? '', listen.host, advice);
  }
  const client = get<Address | 'off'>(resolved, 'client.listen');
  if (client === 'off' || isLoopback(client.host) || get<boolean>(resolved, 'client.insecure')) return;
  const source = resolved.get('client.listen')?.source ?? '';
  const advice = `a loopback address without tls: set ${remedy}, or client.insecure: true to let anybody read and write`;
  fail('client.listen', source, client.host, advice);
}

function get<T>(resolved: Resolved, name: string): T {
  return resolved.get(name)?.value as T;
}

function replace(resolved: Resolved, name: string, value: unknown): void {
  resolved.set(name, { value, source: resolved.get(name)?.source ?? '' });
}

function failAt(resolved: Resolved, name: string, allowed: string): never {
  return fail(name, resolved.get(name)?.source ?? '', get(resolved, name), allowed);
}

/** The groups of settings too; members and addresses are frozen since they were read, and a logger stays its owner's. */
function freeze<T extends Config | NodeConfig>(config: T): Readonly<T> {
  if ('tls' in config && config.tls !== undefined) Object.freeze(config.tls);
  if ('client' in config) Object.freeze(config.client);
  if ('listen' in config) Object.freeze(config.listen);
  return Object.freeze(config);
}
