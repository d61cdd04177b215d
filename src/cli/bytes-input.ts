/**
 * Bytes that a command line gives: the word itself, hexadecimal digits, or the standard input.
 */
import { PAYLOAD_BYTES_MAX } from '../limits.ts';
import { FlagError } from './flags.ts';

/** `word` is undefined or '-' where the standard input is meant. */
export async function readBytes(
  word: string | undefined,
  isHex: boolean,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Promise<Uint8Array> {
  if (word === undefined || word === '-') return await readAll(input);
  return isHex ? fromHex(word) : new TextEncoder().encode(word);
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    length += chunk.length;
    if (length > PAYLOAD_BYTES_MAX) throw new FlagError('-', `the input has more than ${PAYLOAD_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function fromHex(word: string): Uint8Array {
  if (word.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(word)) return Buffer.from(word, 'hex');
  throw new FlagError('--hex', `'${word.slice(0, 100)}' is not hexadecimal: two digits per byte`);
}

/** As text where the bytes are well-formed UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What JSON output says of bytes. */
export function jsonBytes(bytes: Uint8Array): { text: string | null; base64: string } {
  return { text: textOf(bytes) ?? null, base64: Buffer.from(bytes).toString('base64') };
}
