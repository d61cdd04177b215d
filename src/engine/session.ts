/**
 * A session that outlives the process of its client: exactly once and in order across restarts (S17, S18).
 *
 *   open ─▶ token, kept by the caller ─▶ (process ends) ─▶ resume with the token ─▶ lastApplied: what of the earlier life took effect
 *
 * A resumed session goes on under the same numbers; whoever still uses it from an earlier life is refused from then on.
 */
import { SynodError } from '../base/errors.ts';
import { REPLY_SESSIONS_FULL } from '../memory/descriptor.ts';
import type { Proposals, ProposeOptions } from './proposals.ts';

const TOKEN = /^synod-session\.(\d{1,4})\.([0-9a-f]{1,14})$/;

/** What a session needs of its engine. */
export interface SessionHost {
  nextWake(): Promise<void>;
  failureOf(shard: number): SynodError | undefined;
  /** Ends it in the log too, or leaves it to be resumed. */
  closeSession(proposals: Proposals, isOver: boolean): void;
}

export class Session {
  /** Keep it in a safe place before the first command: who has it can go on with the session. */
  readonly token: string;
  readonly #proposals: Proposals;
  readonly #host: SessionHost;
  #isClosed = false;

  constructor(token: string, proposals: Proposals, host: SessionHost) {
    this.token = token;
    this.#proposals = proposals;
    this.#host = host;
  }

  get shard(): number {
    return this.#proposals.lane.shard;
  }

  /** How many commands of earlier lives were applied: the number of the last one, 0 for a new session. */
  get lastApplied(): number {
    return this.#proposals.lane.lastApplied;
  }

  /** Number of the last command proposed; the next one gets the number behind it. */
  get lastNumber(): number {
    return this.#proposals.lastNumber;
  }

  /** As `propose` of the handle, for the session's shard: applied once, in the order of the calls, across restarts of this process. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    if (this.#isClosed) return Promise.reject(closedSession());
    return this.#proposals.propose(command, options);
  }

  /** Ends it for good, in the log too: the token is worth nothing any more. */
  close(): void {
    this.#leave(true);
  }

  /** Lets go of it: the token resumes it, here or in another process. */
  detach(): void {
    this.#leave(false);
  }

  #leave(isOver: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.closeSession(this.#proposals, isOver);
  }

  /** Resolves when the log has opened or resumed it. */
  async opened(timeoutMs: number): Promise<this> {
    const { lane } = this.#proposals;
    const deadline = performance.now() + timeoutMs;
    while (!lane.isOpen) {
      const failure = this.#host.failureOf(lane.shard) ?? (lane.endStatus === 0 ? undefined : refused(lane.endStatus));
      const isLate = performance.now() > deadline;
      if (failure !== undefined || isLate) {
        this.detach();
        throw failure ?? late();
      }
      await this.#host.nextWake();
    }
    return this;
  }
}

export function sessionToken(shard: number, nonce: number): string {
  return `synod-session.${shard}.${nonce.toString(16)}`;
}

/** Shard and nonce of a token. Throws ERR_SYNOD_CONFIG for anything else. */
export function parseToken(token: string, shards: number): { shard: number; nonce: number } {
  const [, shard, nonce] = TOKEN.exec(token) ?? [];
  const parsed = { shard: Number(shard), nonce: Number.parseInt(nonce ?? '', 16) };
  if (Number.isSafeInteger(parsed.nonce) && parsed.nonce > 0 && parsed.shard < shards) return parsed;
  throw new SynodError(
    'ERR_SYNOD_CONFIG',
    'token: that is no token of a session here; allowed is what session.token gave.',
  );
}

function refused(status: number): SynodError {
  if (status === REPLY_SESSIONS_FULL)
    return new SynodError(
      'ERR_SYNOD_SESSIONS_FULL',
      'The session table of the shard is full: close clients that are not used.',
    );
  return new SynodError(
    'ERR_SYNOD_SESSION_EXPIRED',
    'The session is unknown: it expired, was closed, or went on elsewhere. What it had in flight may or may not have taken effect: read before you repeat it in a new session.',
  );
}

function late(): SynodError {
  return new SynodError(
    'ERR_SYNOD_TIMEOUT',
    'The session was not opened in time: try again; nothing was sent but its opening.',
  );
}

function closedSession(): SynodError {
  return new SynodError('ERR_SYNOD_CLOSED', 'The session is closed: resume it by its token, or open another.');
}
