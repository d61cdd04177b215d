/**
 * Three pure replicas in one thread, with message queues, held sends and a disk that is durable at once: what the core costs
 * without anything around it.
 *
 *   propose ─▶ replica ─▶ outbox ─▶ PERSIST: counted;  SEND: held until its sequence is persisted, then into the queue
 *                ▲                                                                            of the member it goes to
 *                └────── step ◀── queue of Float64 messages ◀─────────────────────────────────────┘
 * @hot
 */
import { assert } from '../src/base/assert.ts';
import { Prng } from '../src/base/prng.ts';
import { ELECTION_JITTER_TICKS, ELECTION_TIMEOUT_TICKS, HEARTBEAT_TICKS, RETRY_TICKS } from '../src/limits.ts';
import { Configuration } from '../src/paxos/configuration.ts';
import {
  M_AUX,
  M_AUX2,
  M_BALLOT,
  M_COMMIT,
  M_EPOCH,
  M_FROM,
  M_KIND,
  M_SLOT,
  M_TO,
  M_VALUE_CRC,
  M_VALUE_LENGTH,
  MESSAGE_FIELDS,
} from '../src/paxos/message.ts';
import {
  A_AUX,
  A_AUX2,
  A_BALLOT,
  A_COMMIT,
  A_KIND,
  A_OP,
  A_SEQUENCE,
  A_SLOT,
  A_TO,
  A_VALUE_CRC,
  A_VALUE_LENGTH,
  ACTION_FIELDS,
  type Outbox,
  SEND,
} from '../src/paxos/outbox.ts';
import { Replica } from '../src/paxos/replica.ts';

const EPOCH = 1;
/** Messages waiting per member, and sends held per member; a power of two. */
const QUEUE_MASK = 4095;
const START_TICKS_MAX = 1000;

/** Messages in delivery order; the fields of message/message.ts. */
class MessageQueue {
  readonly words = new Float64Array((QUEUE_MASK + 1) * MESSAGE_FIELDS);
  head = 0;
  tail = 0;
}

/** Sends of one member that wait for its disk. */
class HeldActions {
  readonly words = new Float64Array((QUEUE_MASK + 1) * ACTION_FIELDS);
  head = 0;
  tail = 0;
}

export class CoreCluster {
  readonly replicas: readonly Replica[];
  /** Messages delivered so far; wraps. */
  messages = 0;
  readonly #members: number;
  readonly #queues: readonly MessageQueue[];
  readonly #held: readonly HeldActions[];
  readonly #message = new Float64Array(MESSAGE_FIELDS);

  constructor(members: number, seed: number, windowSlotsMax: number) {
    const ids = Array.from({ length: members }, (_, index) => index + 1);
    const prng = new Prng(seed);
    this.#members = members;
    this.replicas = ids.map(
      (id, index) =>
        new Replica({
          configuration: new Configuration(EPOCH, ids, index),
          timing: {
            heartbeatTicks: HEARTBEAT_TICKS,
            electionTimeoutTicks: ELECTION_TIMEOUT_TICKS,
            electionJitterTicks: ELECTION_JITTER_TICKS,
            retryTicks: RETRY_TICKS,
            windowSlotsMax,
          },
          prng: prng.fork(`member-${id}`),
          isPreferred: index === 0,
          sameValue: () => true,
        }),
    );
    this.#queues = ids.map(() => new MessageQueue());
    this.#held = ids.map(() => new HeldActions());
  }

  /** Lets time pass until the first member leads. */
  elect(): void {
    for (let tick = 0; tick < START_TICKS_MAX; tick++) {
      this.tick();
      this.settle();
      if (this.replicas[0].canPropose) return;
    }
    assert(false, 'the preferred member leads a healthy group');
  }

  tick(): void {
    for (let member = 0; member < this.#members; member++) {
      this.replicas[member].tick();
      this.#drain(member);
    }
  }

  /** Proposes values of `valueBytes` at the leader until `slots` are in flight more, or the window is full. */
  propose(slots: number, valueBytes: number): number {
    const leader = this.replicas[0];
    let proposed = 0;
    while (proposed < slots && leader.canPropose) {
      leader.propose(valueBytes, proposed);
      this.#drain(0);
      proposed++;
    }
    return proposed;
  }

  /** Makes all persisted and delivers all messages, until nothing moves. */
  settle(): void {
    let moved = true;
    while (moved) {
      moved = false;
      for (let member = 0; member < this.#members; member++) {
        if (this.#persist(member)) moved = true;
        if (this.#deliver(member)) moved = true;
      }
    }
  }

  #persist(member: number): boolean {
    const { state } = this.replicas[member];
    if (state.persistedSequence === state.lastSequence) return false;
    this.replicas[member].persisted(state.lastSequence);
    this.#drain(member);
    this.#release(member);
    return true;
  }

  #deliver(member: number): boolean {
    const queue = this.#queues[member];
    if (queue.head === queue.tail) return false;
    const message = this.#message;
    while (queue.head !== queue.tail) {
      const at = (queue.head & QUEUE_MASK) * MESSAGE_FIELDS;
      for (let field = 0; field < MESSAGE_FIELDS; field++) message[field] = queue.words[at + field];
      queue.head = (queue.head + 1) | 0;
      this.messages = (this.messages + 1) | 0;
      this.replicas[member].step(message);
      this.#drain(member);
    }
    return true;
  }

  /** Executes a member's outbox: only sends have an effect here. */
  #drain(member: number): void {
    const { outbox, state } = this.replicas[member];
    const words = outbox.words;
    for (let index = 0; index < outbox.count; index++) {
      const at = outbox.at(index);
      if (words[at + A_OP] !== SEND) continue;
      if (words[at + A_SEQUENCE] <= state.persistedSequence) this.#send(member, words, at);
      else this.#hold(member, outbox, at);
    }
    outbox.clear();
  }

  #hold(member: number, outbox: Outbox, at: number): void {
    const held = this.#held[member];
    assert(((held.tail - held.head) | 0) <= QUEUE_MASK, 'the held sends fit');
    const to = (held.tail & QUEUE_MASK) * ACTION_FIELDS;
    for (let field = 0; field < ACTION_FIELDS; field++) held.words[to + field] = outbox.words[at + field];
    held.tail = (held.tail + 1) | 0;
  }

  #release(member: number): void {
    const held = this.#held[member];
    const { state } = this.replicas[member];
    while (held.head !== held.tail) {
      const at = (held.head & QUEUE_MASK) * ACTION_FIELDS;
      if (held.words[at + A_SEQUENCE] > state.persistedSequence) return;
      this.#send(member, held.words, at);
      held.head = (held.head + 1) | 0;
    }
  }

  #send(from: number, words: Float64Array, at: number): void {
    assert(words[at + A_SEQUENCE] <= this.replicas[from].state.persistedSequence, 'a send waits for its sequence');
    for (let to = 0; to < this.#members; to++) {
      if ((words[at + A_TO] & (1 << to)) === 0) continue;
      const queue = this.#queues[to];
      assert(((queue.tail - queue.head) | 0) <= QUEUE_MASK, 'the messages in flight fit their queue');
      const base = (queue.tail & QUEUE_MASK) * MESSAGE_FIELDS;
      const message = queue.words;
      message[base + M_KIND] = words[at + A_KIND];
      message[base + M_FROM] = from;
      message[base + M_TO] = to;
      message[base + M_EPOCH] = EPOCH;
      message[base + M_BALLOT] = words[at + A_BALLOT];
      message[base + M_SLOT] = words[at + A_SLOT];
      message[base + M_COMMIT] = words[at + A_COMMIT];
      message[base + M_AUX] = words[at + A_AUX];
      message[base + M_AUX2] = words[at + A_AUX2];
      message[base + M_VALUE_LENGTH] = words[at + A_VALUE_LENGTH];
      message[base + M_VALUE_CRC] = words[at + A_VALUE_CRC];
      queue.tail = (queue.tail + 1) | 0;
    }
  }
}
