/**
 * Addresses and members as they are written (`1@10.0.0.1:7101,2@node-b:7101,3@[::1]:7101`) and as the program uses them.
 */
import { isIP } from 'node:net';
import { MEMBERS_MAX, NODE_ID_MAX } from '../limits.ts';
import type { Range } from './ranges.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One node of the cluster, and where the others reach it. */
export interface Member extends Address {
  readonly id: number;
}

const PORT_MAX = 65_535;
const HOST_BYTES_MAX = 253;
const LOOPBACK = '127.0.0.1';

/** `portMin` is 0 where the operating system may choose. */
export function address(portMin: 0 | 1): Range {
  return {
    allowed: `host:port, [IPv6]:port, or a port of ${LOOPBACK}; ports ${portMin} to ${PORT_MAX}`,
    read: (value) => readAddress(value, portMin),
    parse: (words) => words,
  };
}

export function members(): Range {
  return {
    allowed: `1 to ${MEMBERS_MAX} of id@host:port or { id, host, port }, each id (1 to ${NODE_ID_MAX}) and address once`,
    read: readMembers,
    parse: (words) => words,
  };
}

/** True where only processes of this machine can reach the address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function formatMember(member: Member): string {
  return `${member.id}@${formatAddress(member)}`;
}

export function readAddress(value: unknown, portMin: 0 | 1): Address | undefined {
  if (typeof value === 'number') return makeAddress(LOOPBACK, value, portMin);
  if (typeof value === 'string') return parseAddress(value, portMin);
  if (!hasOnly(value, ['host', 'port'])) return undefined;
  return makeAddress(value['host'], value['port'], portMin);
}

function parseAddress(words: string, portMin: 0 | 1): Address | undefined {
  const parts = /^(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]@\s/]*)):)?(\d{1,5})$/.exec(words);
  if (parts === null) return undefined;
  const bracketed = parts[1];
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return makeAddress(bracketed ?? (parts[2] || LOOPBACK), Number(parts[3]), portMin);
}

function makeAddress(host: unknown, port: unknown, portMin: number): Address | undefined {
  const isPort = Number.isInteger(port) && (port as number) >= portMin && (port as number) <= PORT_MAX;
  return isHost(host) && isPort ? Object.freeze({ host, port: port as number }) : undefined;
}

function isHost(host: unknown): host is string {
  if (typeof host !== 'string' || host === '' || host.length > HOST_BYTES_MAX) return false;
  return isIP(host) !== 0 || /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?\.?$/.test(host);
}

function readMembers(value: unknown): readonly Member[] | undefined {
  const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  if (!Array.isArray(items) || items.length === 0 || items.length > MEMBERS_MAX) return undefined;
  const read = items.map(readMember);
  if (read.includes(undefined)) return undefined;
  const complete = read as Member[];
  const ids = new Set(complete.map(({ id }) => id));
  const addresses = new Set(complete.map(formatAddress));
  return ids.size === items.length && addresses.size === items.length ? Object.freeze(complete) : undefined;
}

function readMember(value: unknown): Member | undefined {
  if (typeof value === 'string') {
    const parts = /^(\d{1,7})@(.+)$/.exec(value);
    return parts === null ? undefined : makeMember(Number(parts[1]), parseAddress(parts[2] as string, 1));
  }
  if (!hasOnly(value, ['id', 'host', 'port'])) return undefined;
  return makeMember(value['id'], makeAddress(value['host'], value['port'], 1));
}

function makeMember(id: unknown, at: Address | undefined): Member | undefined {
  const isId = Number.isInteger(id) && (id as number) >= 1 && (id as number) <= NODE_ID_MAX;
  return isId && at !== undefined ? Object.freeze({ id: id as number, ...at }) : undefined;
}

/** An object whose own keys are exactly these. */
function hasOnly(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => keys.includes(name));
}
