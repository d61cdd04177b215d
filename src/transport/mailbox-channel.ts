/**
 * Channel over a link of the addon, whatever carries it: shared memory of one host, or libfabric.
 *
 *   send ─▶ linkSend ─▶ peer's mailbox          (from the ring itself; taken later when the provider's queue is full)
 *   poll ─▶ linkReleased ─▶ onReleased
 *        ─▶ linkPoll ─▶ own memory, checked ─▶ onRecords; taken in part: keep the rest, take no more ─ resume ─▶ on with it
 *
 * Some providers say nothing when a peer is gone, so a channel on which nothing arrives for FABRIC_SILENT_MS_MAX ends itself.
 * @hot
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { assert } from '../base/assert.ts';
import {
  CONTROL_MAILBOX_TAKE_BYTES,
  FABRIC_SILENT_MS_MAX,
  FRAME_ALIGNMENT,
  MAILBOX_BURSTS_MAX,
  MAILBOX_TAKE_BYTES,
} from '../limits.ts';
import type { LinkBinding } from '../native-binding.ts';
import { burstBytesMax } from './burst.ts';
import { type Channel, type ChannelEvents, LANE_CONTROL } from './channel.ts';
import type { Reason } from './reason.ts';

const { EBADMSG, EPROTO } = constants.errno;
/** Length of a burst, in front of it in the memory that `linkPoll` fills; its payload begins 64 bytes behind. */
const ENTRY_HEADER_BYTES = 64;

export interface MailboxBinding
  extends Pick<
    LinkBinding,
    'linkSend' | 'linkHasRoom' | 'linkPoll' | 'linkReleased' | 'linkArm' | 'linkReason' | 'linkClose'
  > {
  attach(view: Uint8Array): number;
  detach(id: number): void;
}

export interface MailboxChannelOptions {
  binding: MailboxBinding;
  kind: 'shm' | 'rdma';
  /** Of libfabric, for status pages. */
  provider: string;
  /** Handle of the link; the channel closes it. */
  link: number;
  linkNumber: number;
  lane: number;
  /** Ids of the rings that bursts are sent from, kept for the whole life of the worker. */
  regions: RegionIds;
  events: ChannelEvents;
  now(): number;
}

/** Attached memory by its view: rings are attached once per thread. */
export class RegionIds {
  readonly #ids = new Map<Uint8Array, number>();
  readonly #binding: MailboxBinding;

  constructor(binding: MailboxBinding) {
    this.#binding = binding;
  }

  of(bytes: Uint8Array): number {
    const known = this.#ids.get(bytes);
    if (known !== undefined) return known;
    const id = this.#binding.attach(bytes);
    assert(id >= 0, 'the addon takes any shared memory');
    this.#ids.set(bytes, id);
    return id;
  }
}

export class MailboxChannel implements Channel {
  readonly kind: 'shm' | 'rdma';
  readonly provider: string;
  readonly linkNumber: number;
  /** The receiver had no room: nothing is taken. */
  isStalled = false;
  readonly #binding: MailboxBinding;
  readonly #link: number;
  readonly #lane: number;
  readonly #regions: RegionIds;
  readonly #events: ChannelEvents;
  readonly #now: () => number;
  readonly #burstMax: number;
  /** What was taken: entries up to `filled`, used up to `at`, and of the entry there `taken` bytes. */
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #takeId: number;
  #filled = 0;
  #at = 0;
  #taken = 0;
  /** Sizes of the bursts in flight; counts wrap through the array. */
  readonly #sizes = new Int32Array(MAILBOX_BURSTS_MAX);
  #sent = 0;
  #released = 0;
  #movedMs = 0;
  /** A burst that the provider did not take at once; size 0 = none. */
  #waitingBytes: Uint8Array | undefined = undefined;
  #waitingOffset = 0;
  #waitingSize = 0;
  #error = 0;
  #isClosed = false;

  constructor(options: MailboxChannelOptions) {
    const { binding, kind, provider, link, linkNumber, lane, regions, events, now } = options;
    this.kind = kind;
    this.provider = provider;
    this.linkNumber = linkNumber;
    this.#binding = binding;
    this.#link = link;
    this.#lane = lane;
    this.#regions = regions;
    this.#events = events;
    this.#now = now;
    this.#burstMax = burstBytesMax(lane);
    const memory = new SharedArrayBuffer(lane === LANE_CONTROL ? CONTROL_MAILBOX_TAKE_BYTES : MAILBOX_TAKE_BYTES);
    this.#bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#takeId = binding.attach(this.#bytes);
    assert(this.#takeId >= 0, 'the addon takes any shared memory');
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  room(): number {
    if (this.#isClosed || this.#error !== 0 || this.#waitingSize > 0) return 0;
    if (this.#sent - this.#released >= MAILBOX_BURSTS_MAX) return 0;
    const room = this.#binding.linkHasRoom(this.#link, this.#burstMax);
    if (room < 0) this.#error = room;
    return room === 1 ? this.#burstMax : 0;
  }

  send(bytes: Uint8Array, offset: number, size: number): void {
    assert(size > 0 && size <= this.#burstMax, 'a burst has its limits');
    assert(!this.#isClosed, 'nothing is sent on a closed channel');
    assert(this.#waitingSize === 0, 'a burst that waits goes first');
    if (this.#sent === this.#released) this.#movedMs = this.#now();
    this.#sizes[this.#sent % MAILBOX_BURSTS_MAX] = size;
    this.#sent += 1;
    this.#waitingBytes = bytes;
    this.#waitingOffset = offset;
    this.#waitingSize = size;
    this.#push();
  }

  /** Mailboxes of this host have copied the bytes by now; a network card tells later. */
  flush(): void {
    if (this.kind === 'shm') this.#settle();
  }

  resume(): void {
    if (!this.isStalled || this.#isClosed) return;
    this.isStalled = false;
    this.#use();
  }

  /** One turn: what can be done now. Returns the work done, above 0 while the waker will not call. */
  poll(): number {
    if (this.#isClosed) return 0;
    if (this.#waitingSize > 0) this.#push();
    let work = this.#settle();
    if (!this.isStalled && !this.#isClosed) work += this.#take();
    if (this.#error !== 0) this.#fail(this.#error);
    if (work > 0 || this.#isClosed) return work;
    if (this.isStalled) return 0;
    return this.#binding.linkArm(this.#link) ? 0 : 1;
  }

  /** Ends a channel on which nothing arrives any more. */
  check(nowMs: number): void {
    if (this.#isClosed || this.#sent === this.#released) return;
    if (nowMs - this.#movedMs > FABRIC_SILENT_MS_MAX) this.close('silent', 'nothing that was sent arrives');
  }

  close(reason: Reason, detail: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#binding.linkClose(this.#link);
    this.#binding.detach(this.#takeId);
    this.#events.onClosed(reason, detail);
  }

  #push(): void {
    const id = this.#regions.of(this.#waitingBytes as Uint8Array);
    const taken = this.#binding.linkSend(this.#link, id, this.#waitingOffset, this.#waitingSize, this.#lane);
    if (taken < 0) this.#error = taken;
    if (taken !== 0) this.#waitingSize = 0;
  }

  /** Lets go of what was sent. */
  #settle(): number {
    if (this.#sent === this.#released) return 0;
    const released = this.#binding.linkReleased(this.#link);
    if (released <= this.#released) return 0;
    let size = 0;
    for (; this.#released < released; this.#released += 1) {
      size += this.#sizes[this.#released % MAILBOX_BURSTS_MAX] as number;
    }
    this.#movedMs = this.#now();
    this.#events.onReleased(size);
    return 1;
  }

  #take(): number {
    const filled = this.#binding.linkPoll(this.#link, this.#takeId, 0, this.#bytes.length);
    if (filled < 0) {
      this.#error = filled;
      return 0;
    }
    if (filled === 0) return 0;
    this.#filled = filled;
    this.#at = 0;
    this.#taken = 0;
    this.#use();
    return 1;
  }

  /** Hands over what was taken, as far as the receiver has room. */
  #use(): void {
    while (this.#at < this.#filled && !this.#isClosed) {
      const length = this.#words[this.#at >> 2] as number;
      if (length < FRAME_ALIGNMENT || length % FRAME_ALIGNMENT !== 0) {
        this.close('malformed', 'a burst that is no multiple of frames');
        return;
      }
      const left = length - this.#taken;
      const offset = this.#at + ENTRY_HEADER_BYTES + this.#taken;
      const taken = this.#events.onRecords(this.#words, this.#bytes, offset, left);
      if (taken < left) {
        this.#taken += taken;
        this.isStalled = true;
        return;
      }
      this.#at += ENTRY_HEADER_BYTES + length;
      this.#taken = 0;
    }
  }

  #fail(error: number): void {
    if (error === -EBADMSG) this.close('checksum', 'garbage in the mailbox');
    else if (error === -EPROTO) this.close('malformed', 'the peer claims what cannot be');
    else this.close('closed', getSystemErrorName(error));
  }
}
