/**
 * One encoded `kv` command per kind and key, all of one length: values fill up puts and swaps, longer keys increments.
 */
import { kv } from '../src/machines/kv-commands.ts';

export const TEMPLATE_PUT = 1;
export const TEMPLATE_SWAP = 2;
export const TEMPLATE_INCREMENT = 3;
export const TEMPLATE_GET = 4;

/** A command of exactly `payloadBytes` (a query is as long as it is). */
export function encodeTemplate(kind: number, key: Uint8Array, payloadBytes: number): Uint8Array {
  if (kind === TEMPLATE_GET) return kv.get(key);
  if (kind === TEMPLATE_PUT) return fit(payloadBytes, (bytes) => kv.put(key, filler(bytes)));
  if (kind === TEMPLATE_SWAP) return fit(payloadBytes, (bytes) => kv.compareAndSwap(key, 0, filler(bytes)));
  return fit(payloadBytes, (bytes) => kv.increment(padded(key, bytes), 1));
}

/** Tries lengths of the free part until the command has `payloadBytes`. */
function fit(payloadBytes: number, encode: (bytes: number) => Uint8Array): Uint8Array {
  for (let bytes = 1; bytes <= payloadBytes; bytes++) {
    const command = encode(bytes);
    if (command.length === payloadBytes) return command;
  }
  throw new RangeError(`no command has ${payloadBytes} bytes: give a payload of at least 48, a multiple of 8`);
}

function filler(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0x5a);
}

function padded(key: Uint8Array, bytes: number): Uint8Array {
  const longer = new Uint8Array(key.length + bytes).fill(0x2e);
  longer.set(key);
  return longer;
}
