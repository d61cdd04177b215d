/**
 * A client of one group: a lane for writes (one session) and one for reads, on the production lane code. Writes and reads at
 * its own pace, remembers when it asked what, and adds each answer to the history.
 *
 * Its requests are sent again through the same leader, stay on their way for a while, or go to a member that is no leader (any more).
 */

import { fromWords } from '../../src/base/bits.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { GroupId, MemberIndex } from '../../src/base/types.ts';
import { LaneClient } from '../../src/engine/lane-client.ts';
import { LANE_READS, LANE_WRITES, REPLY_OK } from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../src/memory/doorbell.ts';
import { createLane } from '../../src/memory/lane.ts';
import { createRing } from '../../src/memory/ring.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { History } from './history.ts';
import { COMMAND_BYTES, QUERY_BYTES } from './sim-machine.ts';

const LANE_BYTES = 1 << 14;
const IN_FLIGHT_MAX = 24;
const KEYS = 8;
/** Per tick and client: with three clients about 30 commands and 6 reads per virtual second. */
const WRITE_CHANCE = 0.05;
const READ_CHANCE = 0.02;

interface Asked {
  key: number;
  value: number;
  at: number;
}

export class SimClient {
  readonly group: GroupId;
  readonly writes: LaneClient;
  readonly reads: LaneClient;
  readonly #prng: Prng;
  readonly #history: History;
  readonly #counts: FaultCounts;
  readonly #now: () => number;
  readonly #askedWrites: Asked[] = [];
  readonly #askedReads: Asked[] = [];
  #nextValue: number;
  /** Until then it believes in what it was told, and does not follow the leader. */
  #believesUntil = 0;
  /** Until then what it asks stays on its way. */
  #holdsUntil = 0;
  #held = 0;
  acknowledged = 0;
  violation = '';

  constructor(
    id: number,
    group: GroupId,
    members: number,
    prng: Prng,
    history: History,
    counts: FaultCounts,
    now: () => number,
  ) {
    this.group = group;
    const doorbells = Array.from({ length: members }, () => {
      const word = new SharedArrayBuffer(128);
      return new Doorbell(word, 0, new AtomicsWaker(word));
    });
    const make = (laneId: number, kind: number): LaneClient => {
      const rings = Array.from({ length: members }, () => createRing(LANE_BYTES));
      return new LaneClient(
        laneId,
        group,
        createLane(LANE_BYTES, kind, laneId),
        rings,
        doorbells,
        kind === LANE_READS,
        1024,
      );
    };
    this.writes = make(2 * id + 1, LANE_WRITES);
    this.reads = make(2 * id + 2, LANE_READS);
    this.#prng = prng;
    this.#history = history;
    this.#counts = counts;
    this.#now = now;
    this.#nextValue = (id + 1) * 1_000_000;
  }

  /** Goes to the leader that it hears of, unless it believes in another. */
  follow(leader: MemberIndex, serial: number): void {
    if (this.#believesUntil > this.#now()) return;
    for (const lane of [this.writes, this.reads])
      if (lane.routedTo !== leader || lane.routedSerial !== serial) lane.route(leader, serial);
  }

  /** Sends its commands through a member that may lead no more, or through none (serial 0), until a tick. */
  believe(member: MemberIndex, serial: number, untilTick: number): void {
    this.#believesUntil = untilTick;
    for (const lane of [this.writes, this.reads]) {
      if (serial > 0) lane.route(member, serial);
      else lane.unroute();
    }
  }

  /** Sends everything unanswered again, through the same leader; returns how much that was. */
  sendAgain(): number {
    const count = this.inFlight;
    for (const lane of [this.writes, this.reads]) if (lane.routedTo >= 0) lane.route(lane.routedTo, lane.routedSerial);
    return count;
  }

  /** What it asks from now on arrives at a tick, all at once. */
  hold(untilTick: number): void {
    this.#holdsUntil = untilTick;
  }

  /** Polls, and while `isAsking` sometimes asks; returns the answers received. */
  turn(isAsking: boolean): number {
    if (isAsking && this.#prng.chance(WRITE_CHANCE)) this.#write();
    if (isAsking && this.#prng.chance(READ_CHANCE)) this.#read();
    if (this.#held > 0 && this.#holdsUntil <= this.#now()) this.#release();
    return this.writes.poll(this.#onWritten, 64) + this.reads.poll(this.#onRead, 64);
  }

  get inFlight(): number {
    return this.writes.inFlight + this.reads.inFlight;
  }

  #write(): void {
    for (let n = this.#prng.range(1, 4); n > 0 && this.writes.inFlight < IN_FLIGHT_MAX; n--) {
      const at = this.writes.claim(COMMAND_BYTES);
      if (at < 0) return;
      const key = this.#prng.range(0, KEYS);
      this.writes.words[at >> 2] = key;
      this.writes.words[(at >> 2) + 1] = this.#nextValue;
      this.#askedWrites.push({ key, value: this.#nextValue, at: this.#now() });
      this.#nextValue += 1;
      this.#send(this.writes);
    }
  }

  #read(): void {
    if (this.reads.inFlight >= IN_FLIGHT_MAX) return;
    const at = this.reads.claim(QUERY_BYTES);
    if (at < 0) return;
    const key = this.#prng.range(0, KEYS);
    this.reads.words[at >> 2] = key;
    this.#askedReads.push({ key, value: 0, at: this.#now() });
    this.#send(this.reads);
  }

  #send(lane: LaneClient): void {
    if (this.#holdsUntil <= this.#now()) lane.publish();
    else this.#held += 1;
  }

  /** A lane publishes everything that was claimed. */
  #release(): void {
    this.#counts.heldRequest += this.#held;
    this.#held = 0;
    this.writes.publish();
    this.reads.publish();
  }

  readonly #onWritten = (_number: number, status: number, bytes: Uint8Array, offset: number): void => {
    const asked = this.#askedWrites.shift() as Asked;
    if (status !== REPLY_OK) {
      this.violation ||= `a write was answered with status ${status}`;
      return;
    }
    this.acknowledged += 1;
    this.#answer(asked, false, bytes, offset, asked.value);
  };

  readonly #onRead = (_number: number, status: number, bytes: Uint8Array, offset: number): void => {
    const asked = this.#askedReads.shift() as Asked;
    if (status !== REPLY_OK) this.violation ||= `a read was answered with status ${status}`;
    else
      this.#answer(
        asked,
        true,
        bytes,
        offset,
        new Int32Array(bytes.buffer, bytes.byteOffset)[(offset >> 2) + 2] as number,
      );
  };

  #answer(asked: Asked, isRead: boolean, bytes: Uint8Array, offset: number, value: number): void {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset);
    const place = fromWords(words[offset >> 2] as number, words[(offset >> 2) + 1] as number);
    this.#history.add({ isRead, key: asked.key, value, invokedAt: asked.at, respondedAt: this.#now(), place });
  }
}
