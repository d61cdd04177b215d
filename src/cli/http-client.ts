/**
 * Talks to the client endpoint of a running node: one request, bounded in time, errors as SynodErrors again. Of several addresses
 * the next is tried where the one before surely did nothing.
 */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { ERROR_CODES, type ErrorCode, SynodError } from '../base/errors.ts';

/** Paths of PEM files. */
export interface ClientTls {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

export interface HttpClientOptions {
  urls: readonly URL[];
  /** The node gives up after this; the client a little later. */
  timeoutMs: number;
  tls: ClientTls;
  /** Connections that are kept for further requests; none when absent. */
  connections?: number;
}

type Parameters = Readonly<Record<string, string | number | undefined>>;

const BINARY = 'application/octet-stream';
/** What an answer needs beyond the deadline that the node keeps. */
const GRACE_MS = 1000;
const ANSWER_BYTES_MAX = 1 << 26;

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agents: { plain: PlainAgent; tls: TlsAgent } | undefined;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    if (options.connections === undefined) return;
    const kept = { keepAlive: true, maxSockets: options.connections };
    this.#agents = { plain: new PlainAgent(kept), tls: new TlsAgent({ ...kept, ...readTls(options.tls) }) };
  }

  /** Ends the kept connections. */
  close(): void {
    this.#agents?.plain.destroy();
    this.#agents?.tls.destroy();
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  /** May change something: an answer that does not come leaves the outcome unknown. */
  post(path: string, parameters: Parameters, body: Uint8Array): Promise<Uint8Array> {
    return this.#anywhere((url) => this.#exchange(url, 'POST', path, parameters, body, 'ERR_SYNOD_OUTCOME_UNKNOWN'));
  }

  /** Changes nothing, though it has a body. */
  query(path: string, parameters: Parameters, body: Uint8Array): Promise<Uint8Array> {
    return this.#anywhere((url) => this.#exchange(url, 'POST', path, parameters, body, 'ERR_SYNOD_TIMEOUT'));
  }

  get(path: string): Promise<Uint8Array> {
    return this.#anywhere((url) => this.#exchange(url, 'GET', path, {}, undefined, 'ERR_SYNOD_TIMEOUT'));
  }

  async #anywhere(attempt: (url: URL) => Promise<Uint8Array>): Promise<Uint8Array> {
    let failure: unknown;
    for (const url of this.#options.urls) {
      try {
        return await attempt(url);
      } catch (error) {
        failure = error;
        if (!(error instanceof SynodError && error.retryable)) break;
      }
    }
    throw failure;
  }

  #exchange(
    base: URL,
    method: 'GET' | 'POST',
    path: string,
    parameters: Parameters,
    body: Uint8Array | undefined,
    onSilence: ErrorCode,
  ): Promise<Uint8Array> {
    const url = new URL(path, base);
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const isTls = url.protocol === 'https:';
    const headers = method === 'POST' ? { 'content-type': BINARY, 'content-length': body?.length ?? 0 } : {};
    const agent = (isTls ? this.#agents?.tls : this.#agents?.plain) ?? false;
    const options = {
      method,
      headers,
      agent,
      ...(isTls && agent === false ? readTls(this.#options.tls) : {}),
    } as const;
    return new Promise((resolve, reject) => {
      const request = (isTls ? tlsRequest : plainRequest)(url, options);
      let isConnected = false;
      request.once('socket', (socket) => {
        isConnected = request.reusedSocket;
        if (isConnected) return;
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          isConnected = true;
        });
      });
      const silence = (): SynodError => silent(onSilence, url, this.#options.timeoutMs);
      const timer = setTimeout(() => {
        reject(isConnected ? silence() : nobodyAt(base, 'ETIMEDOUT'));
        request.destroy();
      }, this.#options.timeoutMs + GRACE_MS);
      request.once('response', (response) => {
        collect(response).then(
          (bytes) => {
            clearTimeout(timer);
            if (response.statusCode !== undefined && response.statusCode < 300) resolve(bytes);
            else reject(failureOf(url, response.statusCode ?? 0, bytes));
          },
          () => {
            clearTimeout(timer);
            reject(silence());
          },
        );
      });
      request.once('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const isRefused = !isConnected || (isAlert(error.code) && !request.reusedSocket);
        reject(isRefused ? nobodyAt(base, error.code ?? error.message) : silence());
      });
      request.end(body);
    });
  }
}

/** The other side would not talk to us: TLS 1.3 says so only after the handshake is over here. Any other failure may concern the answer. */
function isAlert(code: string | undefined): boolean {
  return code?.startsWith('ERR_SSL') === true && code.includes('_ALERT_');
}

function readTls({ ca, cert, key }: ClientTls): object {
  const read = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readPem(path));
  const options = { ca: read(ca), cert: read(cert), key: read(key), minVersion: 'TLSv1.3' };
  return ca === undefined ? options : { ...options, checkServerIdentity: checkNodeName };
}

/** Certificates of nodes name the node, not its address; whoever names the authority of a cluster trusts all its nodes. */
function checkNodeName(host: string, certificate: PeerCertificate): Error | undefined {
  const isNode = /(^|, )DNS:synod-node-\d+(\.|,|$)/.test(certificate.subjectaltname ?? '');
  return isNode ? undefined : checkServerIdentity(host, certificate);
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new SynodError('ERR_SYNOD_CONFIG', `${path} cannot be read (${why}): check the path and its rights.`, {
      cause,
    });
  }
}

async function collect(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The node's own account, where it gave one. */
function failureOf(url: URL, status: number, bytes: Uint8Array): SynodError {
  const told = readFailure(bytes);
  if (told !== undefined) return told;
  if (url.pathname === '/readyz' && status === 503) {
    return new SynodError('ERR_SYNOD_NO_LEADER', `${url.origin} is not ready: ${Buffer.from(bytes).toString().trim()}`);
  }
  return new SynodError('ERR_SYNOD_CONFIG', `${url.origin} answers ${status}: is this the client.listen of a node?`);
}

function readFailure(bytes: Uint8Array): SynodError | undefined {
  try {
    const { error } = JSON.parse(Buffer.from(bytes).toString()) as { error?: { code?: string; message?: string } };
    if (error?.code === undefined || !Object.hasOwn(ERROR_CODES, error.code)) return undefined;
    return new SynodError(error.code as ErrorCode, String(error.message));
  } catch {
    return undefined;
  }
}

function silent(code: ErrorCode, url: URL, timeoutMs: number): SynodError {
  const what = code === 'ERR_SYNOD_OUTCOME_UNKNOWN' ? 'it may or may not have taken effect' : 'try again';
  return new SynodError(code, `${url.origin} gave no answer within ${timeoutMs} ms or broke off: ${what}.`);
}

function nobodyAt(url: URL, why: string): SynodError {
  return new SynodError(
    'ERR_SYNOD_UNREACHABLE',
    `No node answers at ${url.origin} (${why}): is it up, with client.listen there?`,
  );
}
