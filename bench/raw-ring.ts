/**
 * The engine's data path without Paxos, log and threads: every command is claimed, written and published once per replica's
 * ring, polled and applied to that replica's machine. One thread does it all.
 * @hot
 */

import { KV_OK } from '../src/machines/kv-commands.ts';
import { COMMAND_HEADER_BYTES, TYPE_COMMAND } from '../src/memory/descriptor.ts';
import { createRing, RingConsumer, RingProducer } from '../src/memory/ring.ts';
import type { Command, Reply, StateMachine } from '../src/runtime/state-machine.ts';
import type { CommandTable } from './command-table.ts';

const RING_BYTES = 1 << 20;
const REPLY_BYTES = 4096;
/** Commands per turn of each side, as many as a batch holds. */
const TURN_COMMANDS = 100;

export class RawRing {
  readonly #producers: readonly RingProducer[];
  readonly #consumers: readonly RingConsumer[];
  readonly #machines: readonly StateMachine[];
  readonly #table: CommandTable;
  readonly #command: Command;
  readonly #reply: Reply;
  /** Commands that the first machine answered with another status than OK. */
  refused = 0;
  #replyHash = 0;

  constructor(machines: readonly StateMachine[], table: CommandTable) {
    const rings = machines.map(() => createRing(RING_BYTES));
    this.#machines = machines;
    this.#table = table;
    this.#producers = rings.map((ring) => new RingProducer(ring));
    this.#consumers = rings.map((ring) => new RingConsumer(ring));
    const { bytes, words } = this.#consumers[0];
    this.#command = {
      bytes,
      words,
      offset: 0,
      length: table.payloadBytes,
      session: 1,
      number: 0,
      logTimeMs: 1,
      slot: 0,
    };
    const replyBytes = new Uint8Array(REPLY_BYTES);
    const replyWords = new Int32Array(replyBytes.buffer);
    this.#reply = { bytes: replyBytes, words: replyWords, offset: 0, capacity: REPLY_BYTES, length: 0 };
  }

  /** Hash of all replies so far. */
  get hash(): number {
    return this.#replyHash;
  }

  /** At least `count` commands through all rings; returns how many. */
  run(count: number): number {
    let done = 0;
    while (done < count) {
      this.#publish();
      for (let ring = 0; ring < this.#consumers.length; ring++) this.#apply(ring);
      done += TURN_COMMANDS;
    }
    return done;
  }

  #publish(): void {
    const size = COMMAND_HEADER_BYTES + this.#table.payloadBytes;
    for (let count = 0; count < TURN_COMMANDS; count++) {
      this.#table.next();
      for (let ring = 0; ring < this.#producers.length; ring++) {
        const producer = this.#producers[ring];
        const offset = producer.claim(size, TYPE_COMMAND);
        this.#table.write(producer.words, (offset + COMMAND_HEADER_BYTES) >> 2);
        producer.publish();
      }
    }
  }

  #apply(ring: number): void {
    const consumer = this.#consumers[ring];
    const machine = this.#machines[ring];
    const command = this.#command;
    const reply = this.#reply;
    command.bytes = consumer.bytes;
    command.words = consumer.words;
    for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
      command.offset = offset + COMMAND_HEADER_BYTES;
      reply.length = 0;
      machine.apply(command, reply);
      if (ring === 0) {
        this.#table.learn(reply.bytes, reply.offset);
        if (reply.words[0] !== KV_OK) this.refused++;
      }
      this.#replyHash = Math.imul(this.#replyHash ^ reply.words[0] ^ reply.length, 31);
      consumer.release();
    }
  }
}
