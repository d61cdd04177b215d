/**
 * What an audit machine tells of the clients that it applied commands of, and how it is asked.
 *
 * Query: one byte, REPORT. Reply:
 *
 *   0   clients (words)    4   commands whose number was not the next one
 *   8   per client: CLIENT | 0 | COUNT (2) | LAST_NUMBER (2) | DIGEST | 0     (32 bytes)
 */
import { fromWords } from '../base/bits.ts';

export const REPORT_QUERY = 0xa5;
export const REPORT_HEADER_WORDS = 2;
export const REPORT_CLIENT_WORDS = 8;

export interface AuditedClient {
  client: number;
  /** Commands applied. */
  count: number;
  lastNumber: number;
  digest: number;
}

export interface AuditReport {
  /** Commands whose number was not the one after the last, over all clients. */
  outOfOrder: number;
  clients: AuditedClient[];
}

export function reportQuery(): Uint8Array {
  return Uint8Array.of(REPORT_QUERY, 0, 0, 0);
}

export function decodeReport(reply: Uint8Array): AuditReport {
  const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
  const word = (at: number): number => view.getInt32(4 * at, true);
  const clients: AuditedClient[] = [];
  for (let i = 0; i < word(0); i++) {
    const at = REPORT_HEADER_WORDS + i * REPORT_CLIENT_WORDS;
    clients.push({
      client: word(at),
      count: fromWords(word(at + 2), word(at + 3)),
      lastNumber: fromWords(word(at + 4), word(at + 5)),
      digest: word(at + 6),
    });
  }
  return { outOfOrder: word(1), clients };
}
