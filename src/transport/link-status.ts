/**
 * The link status block: what the transport worker says about its links, without messages. Layout: LINK_* in memory/descriptor.
 *
 *   transport worker ─ LinkStatusWriter ─▶ line per member ─ LinkStatusReader ─▶ coordinator, status page
 *                                                          └ state word ─▶ transport/memory-transport of the group workers
 */
import { assert } from '../base/assert.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { loadNumber, storeNumber } from '../memory/counters.ts';
import {
  LINE_BYTES,
  LINE_WORDS,
  LINK_BULK_RTT_WORD,
  LINK_BURSTS_IN_WORD,
  LINK_BURSTS_OUT_WORD,
  LINK_BYTES_IN_WORD,
  LINK_BYTES_OUT_WORD,
  LINK_CONNECTING,
  LINK_CONNECTS_WORD,
  LINK_DOWN,
  LINK_DROPS_IN_WORD,
  LINK_DROPS_OUT_WORD,
  LINK_FRAMES_IN_WORD,
  LINK_FRAMES_OUT_WORD,
  LINK_KIND_NONE,
  LINK_KIND_RDMA,
  LINK_KIND_SHM,
  LINK_KIND_TCP,
  LINK_KIND_TLS,
  LINK_KIND_WORD,
  LINK_NUMBER_WORD,
  LINK_PROVIDER_WORD,
  LINK_PROVIDERS,
  LINK_REASON_WORD,
  LINK_REFUSALS_WORD,
  LINK_RTT_WORD,
  LINK_STATE_WORD,
  LINK_UP,
} from '../memory/descriptor.ts';
import type { ChannelKind } from './channel.ts';
import { REASONS, type Reason, reasonOf } from './reason.ts';

/** The line of peers that did not prove to be a member. */
export const STRANGERS_LINE = MEMBERS_MAX;
const LINES = MEMBERS_MAX + 1;

const KIND_CODES: Record<ChannelKind, number> = {
  tcp: LINK_KIND_TCP,
  tls: LINK_KIND_TLS,
  shm: LINK_KIND_SHM,
  rdma: LINK_KIND_RDMA,
};
const KIND_NAMES: readonly (ChannelKind | 'none')[] = ['none', 'tcp', 'tls', 'shm', 'rdma'];
const STATE_NAMES = ['down', 'connecting', 'up'] as const;

export function createLinkStatus(): SharedArrayBuffer {
  return new SharedArrayBuffer(LINES * LINE_BYTES);
}

/** The transport worker's side of one line. A new one on a used block goes on at the counts there and says that the link is down. */
export class LinkStatusWriter {
  readonly #words: Int32Array;
  readonly #line: number;
  readonly #counts = new Float64Array(LINE_WORDS);

  constructor(block: SharedArrayBuffer, line: number) {
    assert(line >= 0 && line < LINES, 'no such line');
    assert(block.byteLength === LINES * LINE_BYTES, 'a link status block has one size');
    this.#words = new Int32Array(block);
    this.#line = line * LINE_WORDS;
    for (let word = LINK_FRAMES_OUT_WORD; word <= LINK_DROPS_IN_WORD; word += 2) {
      this.#counts[word] = loadNumber(this.#words, this.#line + word);
    }
    this.setDown();
  }

  setDown(): void {
    this.#store(LINK_STATE_WORD, LINK_DOWN);
    this.#store(LINK_KIND_WORD, LINK_KIND_NONE);
  }

  setConnecting(): void {
    this.#store(LINK_STATE_WORD, LINK_CONNECTING);
  }

  /** The state is stored last: whoever sees it up sees the rest. */
  setUp(kind: ChannelKind, linkNumber: number): void {
    this.#store(LINK_NUMBER_WORD, linkNumber);
    this.setKind(kind);
    Atomics.add(this.#words, this.#line + LINK_CONNECTS_WORD, 1);
    this.#store(LINK_STATE_WORD, LINK_UP);
  }

  /** Frames go another way, the link stays up. */
  setKind(kind: ChannelKind, provider = ''): void {
    this.#store(LINK_PROVIDER_WORD, Math.max(LINK_PROVIDERS.indexOf(provider), 0));
    this.#store(LINK_KIND_WORD, KIND_CODES[kind]);
  }

  setReason(reason: Reason): void {
    this.#store(LINK_REASON_WORD, REASONS[reason].code);
  }

  addRefusal(reason: Reason): void {
    this.setReason(reason);
    Atomics.add(this.#words, this.#line + LINK_REFUSALS_WORD, 1);
  }

  setRoundTrip(isControl: boolean, microseconds: number): void {
    this.#store(isControl ? LINK_RTT_WORD : LINK_BULK_RTT_WORD, Math.round(microseconds));
  }

  addOut(frames: number, bytes: number): void {
    this.#add(LINK_FRAMES_OUT_WORD, frames);
    this.#add(LINK_BYTES_OUT_WORD, bytes);
    this.#add(LINK_BURSTS_OUT_WORD, 1);
  }

  addIn(frames: number, bytes: number): void {
    this.#add(LINK_FRAMES_IN_WORD, frames);
    this.#add(LINK_BYTES_IN_WORD, bytes);
    this.#add(LINK_BURSTS_IN_WORD, 1);
  }

  addDropsOut(frames: number): void {
    this.#add(LINK_DROPS_OUT_WORD, frames);
  }

  addDropsIn(frames: number): void {
    this.#add(LINK_DROPS_IN_WORD, frames);
  }

  #store(word: number, value: number): void {
    Atomics.store(this.#words, this.#line + word, value);
  }

  #add(word: number, delta: number): void {
    const count = (this.#counts[word] as number) + delta;
    this.#counts[word] = count;
    storeNumber(this.#words, this.#line + word, count);
  }
}

/** One line, read at a glance: for status pages, allocates. */
export interface LinkSnapshot {
  state: 'down' | 'connecting' | 'up';
  transport: ChannelKind | 'none';
  /** Of libfabric, where the transport is rdma. */
  provider: string;
  linkNumber: number;
  /** Last reason for a refusal or a loss; '' = none yet. */
  reason: Reason | '';
  rttUs: number;
  bulkRttUs: number;
  connects: number;
  refusals: number;
  framesOut: number;
  bytesOut: number;
  burstsOut: number;
  dropsOut: number;
  framesIn: number;
  bytesIn: number;
  burstsIn: number;
  dropsIn: number;
}

/** Line `line` of a block: a member index, or STRANGERS_LINE. */
export function readLinkStatus(block: SharedArrayBuffer, line: number): LinkSnapshot {
  assert(line >= 0 && line < LINES, 'no such line');
  const words = new Int32Array(block, line * LINE_BYTES, LINE_WORDS);
  const code = Atomics.load(words, LINK_REASON_WORD);
  return {
    state: STATE_NAMES[Atomics.load(words, LINK_STATE_WORD)] ?? 'down',
    transport: KIND_NAMES[Atomics.load(words, LINK_KIND_WORD)] ?? 'none',
    provider: LINK_PROVIDERS[Atomics.load(words, LINK_PROVIDER_WORD)] ?? '',
    linkNumber: Atomics.load(words, LINK_NUMBER_WORD) >>> 0,
    reason: code === 0 ? '' : reasonOf(code),
    rttUs: Atomics.load(words, LINK_RTT_WORD),
    bulkRttUs: Atomics.load(words, LINK_BULK_RTT_WORD),
    connects: Atomics.load(words, LINK_CONNECTS_WORD),
    refusals: Atomics.load(words, LINK_REFUSALS_WORD),
    framesOut: loadNumber(words, LINK_FRAMES_OUT_WORD),
    bytesOut: loadNumber(words, LINK_BYTES_OUT_WORD),
    burstsOut: loadNumber(words, LINK_BURSTS_OUT_WORD),
    dropsOut: loadNumber(words, LINK_DROPS_OUT_WORD),
    framesIn: loadNumber(words, LINK_FRAMES_IN_WORD),
    bytesIn: loadNumber(words, LINK_BYTES_IN_WORD),
    burstsIn: loadNumber(words, LINK_BURSTS_IN_WORD),
    dropsIn: loadNumber(words, LINK_DROPS_IN_WORD),
  };
}
