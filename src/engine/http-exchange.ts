/**
 * One request and its answer at the client endpoint: bounded body, parameters with ranges, typed errors.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, SynodError } from '../base/errors.ts';

/** Errors by the status that HTTP has for them; others are 500, and 503 where trying again may help. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  ERR_SYNOD_CONFIG: 400,
  ERR_SYNOD_KEY: 400,
  ERR_SYNOD_PAYLOAD_TOO_LARGE: 413,
  ERR_SYNOD_OUTCOME_UNKNOWN: 504,
  ERR_SYNOD_CLOSED: 503,
};

const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const MESSAGE_LENGTH_MAX = 1000;

/** A request that nobody can serve; `status` is HTTP's. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
  }
}

export class HttpExchange {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly #response: ServerResponse;
  readonly #gone = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.#response = response;
    const [path = '', query = ''] = split(request.url ?? '/');
    this.path = path;
    this.parameters = new URLSearchParams(query);
    response.once('close', () => this.#gone.abort());
  }

  /** Aborted once nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The body, as far as `bytesMax` allows. */
  body(bytesMax: number): Promise<Uint8Array> {
    const { request } = this;
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.reject(tooLarge(bytesMax));
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      request.on('data', (chunk: Uint8Array) => {
        length += chunk.length;
        if (length <= bytesMax) chunks.push(chunk);
        else reject(tooLarge(bytesMax));
      });
      request.once('end', () => resolve(Buffer.concat(chunks, Math.min(length, bytesMax))));
      request.once('error', reject);
      request.once('close', () => reject(new HttpError(400, 'the body ended early')));
    });
  }

  text(name: string): string {
    const value = this.parameters.get(name);
    if (value === null) throw new HttpError(400, `${name}: missing; write ?${name}=…`);
    return value;
  }

  /** One of the words; the first where the parameter is absent. */
  word(name: string, words: readonly string[]): string {
    const value = this.parameters.get(name) ?? (words[0] as string);
    if (words.includes(value)) return value;
    throw new HttpError(400, `${name}: ${JSON.stringify(value)} is not allowed; allowed are ${words.join(', ')}`);
  }

  /** A whole number; `preset` where the parameter is absent. */
  integer(name: string, min: number, max: number, preset?: number): number {
    const words = this.parameters.get(name);
    if (words === null && preset !== undefined) return preset;
    const value = /^\d{1,15}$/.test(words ?? '') ? Number(words) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new HttpError(400, `${name}: ${JSON.stringify(words)} is not allowed; allowed is ${min} to ${max}`);
  }

  /** Milliseconds that the client is ready to wait. */
  timeout(preset: number): number {
    return this.integer('timeout', 1, TIMEOUT_MS_MAX, preset);
  }

  answer(status: number, type: string, content: Uint8Array | string): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    response.statusCode = status;
    response.setHeader('content-type', type);
    response.setHeader('content-length', Buffer.byteLength(content));
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    if (!this.request.complete) response.setHeader('connection', 'close');
    response.end(content);
  }

  json(status: number, content: object): void {
    this.answer(status, 'application/json', `${JSON.stringify(content)}\n`);
  }

  /** Tells what went wrong in the form of a SynodError. */
  fail(error: unknown): number {
    const { status, code, message, retryable } = describe(error);
    if (status === 503 && !this.#response.headersSent) this.#response.setHeader('retry-after', '1');
    this.json(status, { error: { code, message: message.slice(0, MESSAGE_LENGTH_MAX), retryable } });
    return status;
  }
}

function split(url: string): [string, string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function describe(error: unknown): { status: number; code: string; message: string; retryable: boolean } {
  if (error instanceof HttpError) {
    return { status: error.status, code: 'ERR_SYNOD_CONFIG', message: error.message, retryable: false };
  }
  if (error instanceof SynodError) {
    const { code, message, retryable } = error;
    return { status: STATUS_OF[code] ?? (retryable ? 503 : 500), code, message, retryable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { status: 500, code: 'ERR_SYNOD_INVARIANT', message, retryable: false };
}

function tooLarge(bytesMax: number): SynodError {
  return new SynodError('ERR_SYNOD_PAYLOAD_TOO_LARGE', `The body has more than payloadBytesMax (${bytesMax}) bytes.`);
}
