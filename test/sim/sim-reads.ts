/**
 * The reads of a simulated client, each consistency on a lane of its own, and what each must have shown:
 *
 *   linearizable, lease   the history judges them with the writes
 *   session               nothing before what this client had been answered when it asked, and the right value at its place
 *   stale                 the right value at its place
 */
import { fromWords } from '../../src/base/bits.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { LaneClient } from '../../src/engine/lane-client.ts';
import {
  LANE_READS,
  LANE_READS_LEASE,
  LANE_READS_SESSION,
  LANE_READS_STALE,
  REPLY_OK,
} from '../../src/memory/descriptor.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { History } from './history.ts';
import { QUERY_BYTES } from './sim-machine.ts';

const IN_FLIGHT_MAX = 24;
const KINDS = [LANE_READS, LANE_READS_LEASE, LANE_READS_SESSION, LANE_READS_STALE];

interface Asked {
  key: number;
  at: number;
  /** Highest place that the client had been answered at. */
  floor: number;
}

/** What reads need of their client. */
export interface ReadingClient {
  readonly history: History;
  readonly counts: FaultCounts;
  /** Highest place in the group's order that it was answered at in this life. */
  seenPlace: number;
  violation: string;
  now(): number;
}

class ReadLane {
  readonly kind: number;
  readonly lane: LaneClient;
  readonly #client: ReadingClient;
  readonly #asked: Asked[] = [];

  constructor(kind: number, lane: LaneClient, client: ReadingClient) {
    this.kind = kind;
    this.lane = lane;
    this.#client = client;
  }

  /** Claims a read of a key; false where there is no room. */
  ask(key: number): boolean {
    if (this.lane.inFlight >= IN_FLIGHT_MAX) return false;
    const at = this.lane.claim(QUERY_BYTES);
    if (at < 0) return false;
    this.lane.words[at >> 2] = key;
    this.#asked.push({ key, at: this.#client.now(), floor: this.#client.seenPlace });
    return true;
  }

  poll(): number {
    return this.lane.poll(this.#onRead, 64);
  }

  readonly #onRead = (_number: number, status: number, bytes: Uint8Array, offset: number): void => {
    const client = this.#client;
    const asked = this.#asked.shift() as Asked;
    if (status !== REPLY_OK) {
      client.violation ||= `a read was answered with status ${status}`;
      return;
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset);
    const place = fromWords(words[offset >> 2] as number, words[(offset >> 2) + 1] as number);
    const value = words[(offset >> 2) + 2] as number;
    const read = { isRead: true, key: asked.key, value, invokedAt: asked.at, respondedAt: client.now(), place };
    if (this.kind === LANE_READS_LEASE) client.counts.leaseRead += 1;
    if (this.kind === LANE_READS_SESSION) client.counts.sessionRead += 1;
    if (this.kind === LANE_READS_STALE) client.counts.staleRead += 1;
    if (this.kind === LANE_READS_SESSION && place < asked.floor)
      client.violation ||= `a session read went back to place ${place}, its client had seen ${asked.floor}`;
    if (this.kind === LANE_READS || this.kind === LANE_READS_LEASE) client.history.add(read);
    else client.history.addWeak(read);
    if (place > client.seenPlace) client.seenPlace = place;
  };
}

export class SimReads {
  readonly #lanes: readonly ReadLane[];
  readonly #prng: Prng;

  constructor(makeLane: (kind: number) => LaneClient, client: ReadingClient, prng: Prng) {
    this.#lanes = KINDS.map((kind) => new ReadLane(kind, makeLane(kind), client));
    this.#prng = prng;
  }

  get lanes(): LaneClient[] {
    return this.#lanes.map(({ lane }) => lane);
  }

  get inFlight(): number {
    return this.#lanes.reduce((sum, { lane }) => sum + lane.inFlight, 0);
  }

  /** Claims a read of a drawn consistency, most often the strictest; its lane, or undefined where there is no room. */
  ask(key: number): LaneClient | undefined {
    const reads = this.#lanes[Math.max(0, this.#prng.range(0, KINDS.length + 1) - 1)] as ReadLane;
    return reads.ask(key) ? reads.lane : undefined;
  }

  poll(): number {
    return this.#lanes.reduce((sum, reads) => sum + reads.poll(), 0);
  }
}
