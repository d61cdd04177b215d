/**
 * A client of one group: a lane for writes (one session) and one for reads of each consistency, on the production lane code. Writes and reads at
 * its own pace, remembers when it asked what, and adds each answer to the history.
 *
 * Its requests are sent again through the same leader, stay on their way for a while, or go to a member that is no leader (any more).
 *
 *   one process for all    lanes follow the leader; the client outlives every member
 *   nodes                  lanes stay with the member of its process, which forwards them; it dies with it: what it had asked is of unknown
 *                          outcome, and its next life resumes its session, or opens another, anywhere
 */

import { fromWords } from '../../src/base/bits.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { GroupId, MemberIndex } from '../../src/base/types.ts';
import { LaneClient } from '../../src/engine/lane-client.ts';
import { LANE_WRITES, REPLY_OK } from '../../src/memory/descriptor.ts';
import { AtomicsWaker, Doorbell } from '../../src/memory/doorbell.ts';
import { createLane } from '../../src/memory/lane.ts';
import { createRing } from '../../src/memory/ring.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { History } from './history.ts';
import { COMMAND_BYTES } from './sim-machine.ts';
import { type ReadingClient, SimReads } from './sim-reads.ts';
import { SimSession } from './sim-session.ts';

const LANE_BYTES = 1 << 13;
const IN_FLIGHT_MAX = 24;
const KEYS = 8;
export const CLIENTS_MAX = 64;
/** Lanes of one life: writes, and reads of each kind. */
const LANES = 8;
/** Per tick and client: with three clients about 60 commands and 6 reads per virtual second. */
const WRITE_CHANCE = 0.1;
const READ_CHANCE = 0.02;
/** That a life goes on with the session of the one before. */
const RESUME_CHANCE = 0.5;

/** Rings of lives that ended: nobody holds them, and making one anew costs more than to clear it. */
const idleRings: SharedArrayBuffer[] = [];

function takeRing(): SharedArrayBuffer {
  const ring = idleRings.pop();
  if (ring === undefined) return createRing(LANE_BYTES);
  new Int32Array(ring).fill(0);
  return ring;
}

interface Asked {
  key: number;
  value: number;
  at: number;
}

export class SimClient implements ReadingClient {
  readonly group: GroupId;
  /** Member in whose process it lives, -1 where all live in one. */
  home = -1;
  writes: LaneClient;
  reads: SimReads;
  /** Of earlier lives, where no later one went on with them. */
  readonly ended: SimSession[] = [];
  session: SimSession;
  readonly #id: number;
  readonly #members: number;
  readonly #doorbells: readonly Doorbell[];
  #lives = 0;
  readonly #prng: Prng;
  readonly #readPrng: Prng;
  readonly #sessionPrng: Prng;
  readonly history: History;
  readonly counts: FaultCounts;
  readonly now: () => number;
  #askedWrites: Asked[] = [];
  #nextValue: number;
  /** Until then it believes in what it was told, and does not follow the leader. */
  #believesUntil = 0;
  /** Until then what it asks stays on its way. */
  #holdsUntil = 0;
  #held = 0;
  /** In all lives. */
  acknowledgedEver = 0;
  /** Something else went on with its session: it must begin anew. */
  isLost = false;
  seenPlace = 0;
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
    this.#id = id;
    this.#members = members;
    this.#doorbells = Array.from({ length: members }, () => {
      const word = new SharedArrayBuffer(128);
      return new Doorbell(word, 0, new AtomicsWaker(word));
    });
    this.#prng = prng;
    this.#readPrng = prng.fork('reads');
    this.history = history;
    this.counts = counts;
    this.now = now;
    this.#sessionPrng = prng.fork('sessions');
    this.session = this.#newSession();
    this.writes = this.#makeLane(LANE_WRITES);
    this.reads = this.#makeReads();
    this.#nextValue = (id + 1) * 1_000_000;
  }

  /** Lanes of a life have names of their own: a session is never taken for one of an earlier life, unless it is resumed. */
  #laneId(kind: number): number {
    return (this.#lives * CLIENTS_MAX + this.#id) * LANES + kind;
  }

  #newSession(): SimSession {
    return new SimSession(this.#laneId(LANE_WRITES), this.history);
  }

  #makeLane(kind: number): LaneClient {
    const laneId = this.#laneId(kind);
    const nonce = kind === LANE_WRITES ? this.session.name : laneId;
    const rings = Array.from({ length: this.#members }, takeRing);
    return new LaneClient(
      laneId,
      this.group,
      createLane(LANE_BYTES, kind, nonce, laneId),
      rings,
      this.#doorbells,
      kind !== LANE_WRITES,
      1024,
    );
  }

  /** What the lanes of a life are answered at is known to all of them. */
  #makeReads(): SimReads {
    this.seenPlace = 0;
    const reads = new SimReads((kind) => this.#makeLane(kind), this, this.#readPrng);
    for (const lane of reads.lanes) lane.seen = this.writes.seen;
    return reads;
  }

  get lanes(): LaneClient[] {
    return [this.writes, ...this.reads.lanes];
  }

  /** Its process is gone with all but perhaps the name of its session; it begins anew at `home`. */
  restart(home: MemberIndex): void {
    const respondedAt = Number.POSITIVE_INFINITY;
    const unanswered = this.#askedWrites.map(({ key, value, at }) => ({
      isRead: false,
      key,
      value,
      invokedAt: at,
      respondedAt,
    }));
    this.session.end(this.writes, unanswered);
    for (const { rings } of this.lanes) idleRings.push(...(rings as SharedArrayBuffer[]));
    this.counts.clientRestart += 1;
    this.counts.unknownOutcome += this.#askedWrites.length;
    this.#askedWrites = [];
    this.#held = 0;
    this.#lives += 1;
    this.home = home;
    this.#nextSession();
    this.writes = this.#makeLane(LANE_WRITES);
    this.reads = this.#makeReads();
  }

  /** Goes on with the session, where that can be and its token was kept, or begins another. */
  #nextSession(): void {
    if (this.session.canResume && !this.isLost && this.#sessionPrng.chance(RESUME_CHANCE)) {
      this.counts.resumedSession += 1;
      this.session.resume();
    } else {
      this.ended.push(this.session);
      this.session = this.#newSession();
    }
    this.isLost = false;
  }

  /** Goes to the leader that it hears of, unless it believes in another. */
  follow(leader: MemberIndex, serial: number): void {
    if (this.#believesUntil > this.now()) return;
    for (const lane of this.lanes)
      if (lane.routedTo !== leader || lane.routedSerial !== serial) lane.route(leader, serial);
  }

  /** Sends its commands through a member that may lead no more, or through none (serial 0), until a tick. */
  believe(member: MemberIndex, serial: number, untilTick: number): void {
    this.#believesUntil = untilTick;
    for (const lane of this.lanes) {
      if (serial > 0) lane.route(member, serial);
      else lane.unroute();
    }
  }

  /** Sends everything unanswered again, through the same leader; returns how much that was. */
  sendAgain(): number {
    const count = this.inFlight;
    for (const lane of this.lanes) if (lane.routedTo >= 0) lane.route(lane.routedTo, lane.routedSerial);
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
    if (this.#held > 0 && this.#holdsUntil <= this.now()) this.#release();
    const answers = this.writes.poll(this.#onWritten, 64) + this.reads.poll();
    this.violation ||= this.session.look(this.writes, this.now());
    if (this.writes.endStatus !== 0) this.#onRefused(this.writes.endStatus);
    return answers;
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
      this.writes.words[(at >> 2) + 2] = this.session.name;
      this.#askedWrites.push({ key, value: this.#nextValue, at: this.now() });
      this.#nextValue += 1;
      this.#send(this.writes);
    }
  }

  #read(): void {
    const lane = this.reads.ask(this.#prng.range(0, KEYS));
    if (lane !== undefined) this.#send(lane);
  }

  #send(lane: LaneClient): void {
    if (this.#holdsUntil <= this.now()) lane.publish();
    else this.#held += 1;
  }

  /** A lane publishes everything that was claimed. */
  #release(): void {
    this.counts.heldRequest += this.#held;
    this.#held = 0;
    for (const lane of this.lanes) lane.publish();
  }

  readonly #onWritten = (_number: number, status: number, bytes: Uint8Array, offset: number): void => {
    // What a lost session had in flight is of unknown outcome: it stays among what was asked.
    if (status !== REPLY_OK) {
      this.#onRefused(status);
      return;
    }
    const asked = this.#askedWrites.shift() as Asked;
    this.session.acknowledged += 1;
    this.acknowledgedEver += 1;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset);
    const place = fromWords(words[offset >> 2] as number, words[(offset >> 2) + 1] as number);
    if (place > this.seenPlace) this.seenPlace = place;
    // The reply tells what stood there before: a read of the place before it.
    if (this.home >= 0) this.#remember(asked, true, words[(offset >> 2) + 2] as number, place - 1);
    this.#remember(asked, false, asked.value, place);
  };

  #onRefused(status: number): void {
    if (this.session.mayBeLost(status)) this.isLost = true;
    else this.violation ||= `session ${this.session.name} was refused with status ${status}`;
  }

  #remember(asked: Asked, isRead: boolean, value: number, place: number): void {
    this.history.add({ isRead, key: asked.key, value, invokedAt: asked.at, respondedAt: this.now(), place });
  }
}
