/**
 * A group worker's end of its links: rings. Between replicas in one process an outbound ring of one worker *is* the inbound ring
 * of its peer; between nodes the rings end at this node's transport worker.
 *
 *   this worker ─ outboundBulk, outboundControl ─▶ peer's worker, or transport worker ══ socket ══ …
 *               ◀─ inboundBulk, inboundControl ───
 *
 * A link to another node may be down (LINK_* in memory/descriptor): frames to it are then dropped and counted here, so that
 * nothing old waits for its return (S24).
 *
 * Two lanes per direction, so that heartbeats never queue behind values (S24). Rings are aligned to 64 bytes, which keeps a
 * value behind its 64-byte frame header congruent with the log's memory. Peers are woken once per flush, not per frame.
 * @hot
 */
import type { WakeKind } from '../../workers/worker-data.ts';
import { assert } from '../base/assert.ts';
import type { MemberIndex } from '../base/types.ts';
import { MEMBERS_MAX } from '../limits.ts';
import { LINE_WORDS, LINK_STATE_WORD, LINK_UP, TYPE_FRAME, WORKER_DOORBELL_WORD } from '../memory/descriptor.ts';
import { Doorbell, type Waker } from '../memory/doorbell.ts';
import { RingConsumer, RingProducer } from '../memory/ring.ts';
import type { FrameHandler, Transport } from './transport.ts';

const FRAME_ALIGNMENT = 64;
/** The state of a link within one process. */
const ALWAYS_UP = new Int32Array([LINK_UP]);

/** What one link needs; `PeerLinkData` of workers/worker-data has this form. */
export interface MemoryLink {
  memberIndex: MemberIndex;
  outboundBulk: SharedArrayBuffer;
  outboundControl: SharedArrayBuffer;
  inboundBulk: SharedArrayBuffer;
  inboundControl: SharedArrayBuffer;
  peerBlock: SharedArrayBuffer;
  wakeKind?: WakeKind;
  linkStatus?: SharedArrayBuffer;
}

/** The wait mechanism of a block whose owner waits in one way or the other. */
export type WakerOf = (block: SharedArrayBuffer, kind: WakeKind) => Waker;

/** Both directions towards one member. */
class LinkEnds {
  readonly outBulk: RingProducer;
  readonly outControl: RingProducer;
  readonly inBulk: RingConsumer;
  readonly inControl: RingConsumer;
  readonly doorbell: Doorbell;
  /** Frames were published since the last flush. */
  isRingDue = false;
  /** Inbound control frames handed over in this poll. */
  controlCount = 0;
  private readonly status: Int32Array;
  private readonly stateWord: number;

  constructor(link: MemoryLink, waker: Waker) {
    this.outBulk = new RingProducer(link.outboundBulk, FRAME_ALIGNMENT);
    this.outControl = new RingProducer(link.outboundControl, FRAME_ALIGNMENT);
    this.inBulk = new RingConsumer(link.inboundBulk, FRAME_ALIGNMENT);
    this.inControl = new RingConsumer(link.inboundControl, FRAME_ALIGNMENT);
    this.doorbell = new Doorbell(link.peerBlock, WORKER_DOORBELL_WORD, waker);
    this.status = link.linkStatus === undefined ? ALWAYS_UP : new Int32Array(link.linkStatus);
    this.stateWord = link.linkStatus === undefined ? 0 : link.memberIndex * LINE_WORDS + LINK_STATE_WORD;
    assert(this.stateWord < this.status.length, 'the link has its line in the status block');
  }

  /** True while frames can reach the member's node. */
  isUp(): boolean {
    return Atomics.load(this.status, this.stateWord) === LINK_UP;
  }
}

export class MemoryTransport implements Transport {
  outBytes: Uint8Array = new Uint8Array(0);
  outWords: Int32Array = new Int32Array(0);
  private readonly links: LinkEnds[] = [];
  private readonly linkOfMember = new Array<LinkEnds | undefined>(MEMBERS_MAX).fill(undefined);
  private readonly dropped = new Float64Array(MEMBERS_MAX);
  /** Where the frames claimed since the last publish or abandon lie. */
  private claimedLink: LinkEnds | undefined = undefined;
  private claimedRing: RingProducer | undefined = undefined;

  /** `wakerOf` gives the wait mechanism of the block at the other end. */
  constructor(links: readonly MemoryLink[], wakerOf: WakerOf) {
    for (const link of links) {
      assert(link.memberIndex >= 0 && link.memberIndex < MEMBERS_MAX, 'no such member');
      assert(this.linkOfMember[link.memberIndex] === undefined, 'one link per member');
      const ends = new LinkEnds(link, wakerOf(link.peerBlock, link.wakeKind ?? 'thread'));
      this.links.push(ends);
      this.linkOfMember[link.memberIndex] = ends;
    }
  }

  claim(member: MemberIndex, size: number, bulk: boolean): number {
    assert(member >= 0 && member < MEMBERS_MAX, 'no such member');
    const link = this.linkOfMember[member];
    if (link === undefined || !link.isUp()) {
      this.dropped[member] = this.dropped[member]! + 1;
      return -1;
    }
    const ring = bulk ? link.outBulk : link.outControl;
    assert(this.claimedRing === undefined || this.claimedRing === ring, 'publish one lane before claiming on another');
    const offset = ring.claim(size, TYPE_FRAME);
    if (offset < 0) {
      this.dropped[member] = this.dropped[member]! + 1;
      return -1;
    }
    this.claimedLink = link;
    this.claimedRing = ring;
    this.outBytes = ring.bytes;
    this.outWords = ring.words;
    return offset;
  }

  publish(): void {
    assert(this.claimedRing !== undefined && this.claimedLink !== undefined, 'nothing was claimed');
    this.claimedRing.publish();
    this.claimedLink.isRingDue = true;
    this.claimedRing = undefined;
  }

  abandon(): void {
    if (this.claimedRing === undefined) return;
    this.claimedRing.abandon();
    this.claimedRing = undefined;
  }

  hasRoom(member: MemberIndex, size: number): boolean {
    assert(member >= 0 && member < MEMBERS_MAX, 'no such member');
    const link = this.linkOfMember[member];
    return link?.isUp() === true && link.outBulk.hasRoom(size);
  }

  poll(handler: FrameHandler, limit: number): number {
    assert(limit > 0, 'a poll has a limit');
    let count = 0;
    for (let index = 0; index < this.links.length; index += 1) {
      const link = this.links[index]!;
      link.controlCount = link.inControl.poll(handler, limit);
      count += link.controlCount;
    }
    for (let index = 0; index < this.links.length; index += 1) {
      const link = this.links[index]!;
      count += link.inBulk.poll(handler, limit - link.controlCount);
    }
    return count;
  }

  hasInbound(): boolean {
    for (let index = 0; index < this.links.length; index += 1) {
      const link = this.links[index]!;
      if (!link.inControl.isEmpty() || !link.inBulk.isEmpty()) return true;
    }
    return false;
  }

  flush(): void {
    for (let index = 0; index < this.links.length; index += 1) {
      const link = this.links[index]!;
      if (!link.isRingDue) continue;
      link.isRingDue = false;
      link.doorbell.ring();
    }
  }

  /** Frames towards `member` that found the link absent or down, or no room. */
  droppedFrames(member: MemberIndex): number {
    assert(member >= 0 && member < MEMBERS_MAX, 'no such member');
    return this.dropped[member]!;
  }
}
