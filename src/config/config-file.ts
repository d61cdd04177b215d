/**
 * A configuration file, YAML or JSON, as a layer whose sources are `file:line`. The parser is loaded only when there is a file.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Document, LineCounter, Node, Pair } from 'yaml';
import { SynodError } from '../base/errors.ts';
import { type Layer, layerOfObject } from './resolve.ts';
import type { Setting } from './settings.ts';

const FILE_BYTES_MAX = 1 << 20;

/** Throws ERR_SYNOD_CONFIG that names file and line. */
export async function layerOfFile(settings: readonly Setting[], path: string): Promise<Layer> {
  const { LineCounter, parseDocument } = await import('yaml');
  const text = readBounded(path);
  if (path.endsWith('.json')) checkJson(path, text);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: 'error',
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw wrong(`${path}:${lines.linePos(problem.pos[0]).line}`, problem.message);
  const content = toPlain(path, document) ?? {};
  return layerOfObject(settings, content, (keys) => {
    const line = lineOf(document, lines, keys);
    return line === undefined ? path : `${path}:${line}`;
  });
}

function readBounded(path: string): string {
  const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
  let length = 0;
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new SynodError('ERR_SYNOD_CONFIG', `${path}: cannot be read (${why}): check the path and its rights`, {
      cause,
    });
  }
  if (length > FILE_BYTES_MAX) throw wrong(path, `has more than ${FILE_BYTES_MAX} bytes`);
  return bytes.toString('utf8', 0, length);
}

/** YAML would take more than JSON. */
function checkJson(path: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw wrong(path, (cause as Error).message);
  }
}

/** Aliases are refused: a file of a few lines could otherwise name a value of any size. */
function toPlain(path: string, document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw wrong(path, (cause as Error).message);
  }
}

/** Line of the key at the end of `keys`. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: readonly string[]): number | undefined {
  let node = document.contents as Node | null;
  let offset: number | undefined;
  for (const key of keys) {
    const pair = pairOf(node, key);
    if (pair === undefined) break;
    offset = (pair.key as Node).range?.[0];
    node = pair.value as Node | null;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

function pairOf(node: Node | null, key: string): Pair | undefined {
  const items = (node as { items?: Pair[] } | null)?.items;
  return items?.find((pair) => (pair.key as { value?: unknown } | null)?.value === key);
}

function wrong(where: string, problem: string): SynodError {
  return new SynodError('ERR_SYNOD_CONFIG', `${where}: ${problem}`);
}
