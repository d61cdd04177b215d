/**
 * Line = a connection of the network as the handshake gets it: a stream of bytes to somebody, and what is already known of them.
 */
import type { Duplex } from 'node:stream';
import type { Reason } from './reason.ts';

export interface Line {
  readonly stream: Duplex;
  readonly kind: 'tcp' | 'tls';
  /** Address of the other end; '' where there is none. */
  readonly address: string;
  /** False when the other end proved by certificate to be another node; plain text proves nothing and is always believed. */
  isNode(nodeId: number): boolean;
}

/** True for addresses and names that do not leave this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(?:::ffff:)?127\./.test(host);
}

/** Codes of TLS, and those of OpenSSL's verification. */
const CERTIFICATE_CODES =
  /^ERR_(?:SSL|TLS)|CERT|SELF_SIGNED|UNABLE_TO_|CRL|SIGNATURE|^INVALID_|PATH_LENGTH|HOSTNAME_MISMATCH|UNSPECIFIED/;

/** What an error of a socket means; errors of TLS are about certificates or about peers that do not speak it. */
export function reasonOfError(error: unknown): Reason {
  const code = codeOf(error);
  if (CERTIFICATE_CODES.test(code)) return 'certificate';
  return /^(?:ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT)/.test(code)
    ? 'unreachable'
    : 'closed';
}

/** Code and message of an error, for people. */
export function describeError(error: unknown): string {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === '' || message.includes(code) ? message : `${code}: ${message}`;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
