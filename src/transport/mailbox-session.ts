/**
 * How both ends of an established link agree on a pair of mailbox links, by notes over the authenticated sockets:
 *
 *   dialler                                      acceptor
 *   open two links ── OFFER ─────────────────▶   same host, same provider? open two, meet the dialler's
 *   meet the acceptor's ◀──────────── ANSWER ──  (or REFUSAL: why not)
 *   both up: adopt ── READY ─────────────────▶   both up: adopt
 *
 * Each attempt has a number, links of its own with fresh memory, and a deadline. When the pair fails, frames go over the sockets at
 * once, and the dialler offers again, later and later while it fails.
 *
 * Note:  0 KIND   4 ATTEMPT   8 LINK of bulk   12 LINK of control   16 context, CONTEXT_BYTES   48 offer of bulk, offer of control
 */
import { assert } from '../base/assert.ts';
import { UPGRADE_MS_MAX, UPGRADE_RETRY_MS_MAX, UPGRADE_RETRY_MS_MIN } from '../limits.ts';
import { NATIVE_LINK_CLOSED, NATIVE_LINK_UP } from '../native-binding.ts';
import type { Channel, ChannelPair, UpgradeLink, UpgradeSession } from './channel.ts';
import { LANE_BULK, LANE_CONTROL, LANES } from './channel.ts';
import { MailboxChannel, type MailboxChannelOptions } from './mailbox-channel.ts';
import type { Reason } from './reason.ts';

/** What carries the mailboxes. */
export interface Mechanism {
  readonly kind: 'shm' | 'rdma';
  /** What both ends must have in common, CONTEXT_BYTES bytes. */
  context(): Uint8Array;
  readonly offerBytes: number;
  /** May be tried now. */
  isReady(): boolean;
  /** Of libfabric; '' where there is none. */
  provider(): string;
  /** A fresh link of a lane: its handle, or -errno. */
  open(lane: number, onWake: () => void): number;
  offerOf(link: number): Uint8Array;
  meet(link: number, offer: Uint8Array, isDialer: boolean, onWake: () => void): number;
  stateOf(link: number): number;
  abandon(link: number): void;
  /** An attempt failed, or came up. */
  onOutcome(isUp: boolean): void;
}

type ChannelParts = Pick<MailboxChannelOptions, 'binding' | 'regions' | 'now'>;

export const CONTEXT_BYTES = 32;
const HEADER_BYTES = 16;
const NOTE_OFFER = 1;
const NOTE_ANSWER = 2;
const NOTE_READY = 3;
const NOTE_REFUSAL = 4;

interface Attempt {
  number: number;
  links: readonly [number, number];
  linkNumbers: readonly [number, number];
  deadlineMs: number;
  hasMet: boolean;
  isPeerReady: boolean;
  channels: readonly [MailboxChannel, MailboxChannel] | undefined;
  isAdopted: boolean;
}

export class MailboxSession implements UpgradeSession {
  readonly #link: UpgradeLink;
  readonly #mechanism: Mechanism;
  readonly #parts: ChannelParts;
  #attempt: Attempt | undefined = undefined;
  #count = 0;
  #retryMs: number;
  #retryAtMs = 0;
  #isClosed = false;

  constructor(link: UpgradeLink, mechanism: Mechanism, parts: ChannelParts) {
    this.#link = link;
    this.#mechanism = mechanism;
    this.#parts = parts;
    this.#retryMs = UPGRADE_RETRY_MS_MIN;
    if (link.isDialer) this.#maybeOffer(parts.now());
  }

  onNote(bytes: Uint8Array): void {
    if (this.#isClosed || bytes.length < HEADER_BYTES) return;
    const words = new Int32Array(Uint8Array.from(bytes.subarray(0, HEADER_BYTES)).buffer);
    const kind = words[0] as number;
    const number = words[1] as number;
    const isDialer = this.#link.isDialer;
    if (kind === NOTE_OFFER && !isDialer) this.#onOffer(number, words, bytes);
    if (number !== this.#attempt?.number) return;
    if (kind === NOTE_ANSWER && isDialer) this.#onAnswer(this.#attempt, bytes);
    if (kind === NOTE_READY && !isDialer) this.#attempt.isPeerReady = true;
    if (kind === NOTE_REFUSAL) this.#giveUp('closed', 'the peer refused');
    this.#link.wake();
  }

  poll(): number {
    const attempt = this.#attempt;
    if (attempt === undefined) return 0;
    this.#maybeAdopt(attempt);
    if (attempt.channels === undefined) return 0;
    let work = 0;
    for (let lane = LANE_CONTROL; lane >= LANE_BULK && this.#attempt === attempt; lane--) {
      work += (attempt.channels[lane] as MailboxChannel).poll();
    }
    // Before it was adopted, nobody else hears of a channel's end.
    if (this.#attempt === attempt && attempt.channels.some((channel) => channel.isClosed))
      this.#giveUp('closed', 'lost');
    return work;
  }

  onDowngraded(_reason: Reason, _detail: string): void {
    // Of whichever upgrader: only what this session made concerns it.
    if (this.#attempt?.channels?.some((channel) => channel.isClosed) === true) this.#giveUp('closed', 'downgraded');
  }

  onTick(nowMs: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (this.#link.isDialer && nowMs >= this.#retryAtMs) this.#maybeOffer(nowMs);
      return;
    }
    if (!attempt.isAdopted && nowMs > attempt.deadlineMs) this.#giveUp('slow', 'no agreement in time');
    for (const channel of attempt.channels ?? []) channel.check(nowMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#drop('stopping', 'the connection ended');
  }

  #maybeOffer(nowMs: number): void {
    if (!this.#mechanism.isReady()) {
      this.#retryAtMs = nowMs + UPGRADE_RETRY_MS_MIN;
      return;
    }
    this.#count += 1;
    const numbers = [this.#link.nextLinkNumber(), this.#link.nextLinkNumber()] as const;
    const attempt = this.#open(this.#count, numbers);
    if (attempt === undefined) this.#backOff();
    else this.#send(NOTE_OFFER, attempt);
  }

  #onOffer(number: number, words: Int32Array, bytes: Uint8Array): void {
    // A new offer means that the dialler has given up what was there.
    this.#drop('replaced', 'by a new offer');
    const attempt = this.#isAcceptable(bytes)
      ? this.#open(number, [(words[2] as number) >>> 0, (words[3] as number) >>> 0])
      : undefined;
    if (attempt === undefined || !this.#meet(attempt, bytes, false)) {
      this.#drop('closed', 'no common ground');
      this.#sendWords(NOTE_REFUSAL, number, [0, 0], []);
      return;
    }
    this.#send(NOTE_ANSWER, attempt);
    this.#makeChannels(attempt);
  }

  #onAnswer(attempt: Attempt, bytes: Uint8Array): void {
    if (attempt.hasMet) return;
    if (!this.#isAcceptable(bytes) || !this.#meet(attempt, bytes, true)) this.#giveUp('closed', 'no common ground');
  }

  #isAcceptable(bytes: Uint8Array): boolean {
    const { offerBytes } = this.#mechanism;
    if (!this.#mechanism.isReady() || bytes.length !== HEADER_BYTES + CONTEXT_BYTES + LANES * offerBytes) return false;
    return this.#mechanism.context().every((byte, index) => bytes[HEADER_BYTES + index] === byte);
  }

  #open(number: number, linkNumbers: readonly [number, number]): Attempt | undefined {
    const wake = (): void => this.#link.wake();
    const bulk = this.#mechanism.open(LANE_BULK, wake);
    if (bulk < 0) return undefined;
    const control = this.#mechanism.open(LANE_CONTROL, wake);
    if (control < 0) {
      this.#mechanism.abandon(bulk);
      return undefined;
    }
    this.#attempt = {
      number,
      links: [bulk, control],
      linkNumbers,
      deadlineMs: this.#parts.now() + UPGRADE_MS_MAX,
      hasMet: false,
      isPeerReady: false,
      channels: undefined,
      isAdopted: false,
    };
    return this.#attempt;
  }

  #meet(attempt: Attempt, bytes: Uint8Array, isDialer: boolean): boolean {
    const { offerBytes } = this.#mechanism;
    const wake = (): void => this.#link.wake();
    attempt.hasMet = true;
    return attempt.links.every((link, lane) => {
      const at = HEADER_BYTES + CONTEXT_BYTES + lane * offerBytes;
      return this.#mechanism.meet(link, Uint8Array.from(bytes.subarray(at, at + offerBytes)), isDialer, wake) === 0;
    });
  }

  /** The dialler adopts when both links are up, and says so; the acceptor when it has heard that too. */
  #maybeAdopt(attempt: Attempt): void {
    if (attempt.isAdopted || !attempt.hasMet) return;
    const states = attempt.links.map((link) => this.#mechanism.stateOf(link));
    if (states.includes(NATIVE_LINK_CLOSED)) {
      this.#giveUp('unreachable', 'the links did not come up');
      return;
    }
    if (!states.every((state) => state === NATIVE_LINK_UP)) return;
    if (!this.#link.isDialer && !attempt.isPeerReady) return;
    attempt.isAdopted = true;
    this.#makeChannels(attempt);
    if (this.#link.isDialer) this.#send(NOTE_READY, attempt);
    this.#mechanism.onOutcome(true);
    this.#link.adopt(attempt.channels as unknown as ChannelPair);
  }

  /** The acceptor listens before it speaks: the dialler's frames may come with its READY. */
  #makeChannels(attempt: Attempt): void {
    if (attempt.channels !== undefined) return;
    const make = (lane: number): MailboxChannel => {
      const channel: { it: Channel | undefined } = { it: undefined };
      const made = new MailboxChannel({
        ...this.#parts,
        kind: this.#mechanism.kind,
        provider: this.#mechanism.provider(),
        link: attempt.links[lane] as number,
        linkNumber: attempt.linkNumbers[lane] as number,
        lane,
        events: this.#link.eventsOf(lane, () => channel.it as Channel),
      });
      channel.it = made;
      return made;
    };
    attempt.channels = [make(LANE_BULK), make(LANE_CONTROL)];
  }

  #giveUp(reason: Reason, detail: string): void {
    const wasUp = this.#attempt?.isAdopted === true;
    this.#drop(reason, detail);
    if (wasUp) this.#retryMs = UPGRADE_RETRY_MS_MIN;
    else this.#mechanism.onOutcome(false);
    this.#backOff();
  }

  #backOff(): void {
    this.#retryAtMs = this.#parts.now() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, UPGRADE_RETRY_MS_MAX);
  }

  #drop(reason: Reason, detail: string): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt === undefined) return;
    if (attempt.channels === undefined) for (const link of attempt.links) this.#mechanism.abandon(link);
    else for (const channel of attempt.channels) channel.close(reason, detail);
  }

  #send(kind: number, attempt: Attempt): void {
    const offers = kind === NOTE_READY ? [] : attempt.links.map((link) => this.#mechanism.offerOf(link));
    this.#sendWords(kind, attempt.number, attempt.linkNumbers, offers);
  }

  #sendWords(kind: number, number: number, linkNumbers: readonly [number, number], offers: Uint8Array[]): void {
    const words = new Int32Array([kind, number, linkNumbers[0], linkNumbers[1]]);
    const context = offers.length > 0 ? [this.#mechanism.context()] : [];
    assert(
      context.every((bytes) => bytes.length === CONTEXT_BYTES),
      'a context has one length',
    );
    this.#link.sendNote(Buffer.concat([new Uint8Array(words.buffer), ...context, ...offers]));
  }
}
