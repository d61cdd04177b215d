/**
 * A counter whose image, but at the replica that gets one, is as large as the environment says, though no memory holds it: each chunk is made when it is
 * asked for, and checked when it is restored.
 */
import { assert } from '../src/base/assert.ts';
import type { Command, MachineOptions, Reply, StateMachine } from '../src/runtime/state-machine.ts';

/** Bytes of the image. */
export const STREAM_BYTES_VARIABLE = 'SYNOD_BENCH_STREAM_BYTES';
/** The replica that gets it. */
export const LOST = 2;
const CHUNK_WORDS = 1 << 16;
const REPLY_BYTES = 8;

class StreamMachine implements StateMachine {
  #count = 0;
  readonly #chunks: number;

  constructor(chunks: number) {
    this.#chunks = chunks;
  }

  apply(_command: Command, reply: Reply): void {
    this.#count += 1;
    this.#answer(reply);
  }

  query(_query: Command, reply: Reply): void {
    this.#answer(reply);
  }

  #answer(reply: Reply): void {
    reply.words[reply.offset >> 2] = this.#count;
    reply.words[(reply.offset >> 2) + 1] = 0;
    reply.length = REPLY_BYTES;
  }

  snapshot(): Iterable<Uint8Array> {
    return chunksOf(this.#count, this.#chunks);
  }

  *restore(chunks: Iterable<Uint8Array>): Generator<void> {
    let index = 0;
    for (const chunk of chunks) {
      const words = new Int32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2);
      if (index === 0) this.#count = words[0] as number;
      else assert(words[0] === index && words[CHUNK_WORDS - 1] === index, 'chunks come whole and in order');
      index += 1;
      yield;
    }
  }
}

function* chunksOf(count: number, chunks: number): Generator<Uint8Array> {
  yield new Uint8Array(Int32Array.of(count, 0).buffer);
  const words = new Int32Array(CHUNK_WORDS);
  for (let index = 1; index <= chunks; index++) {
    words.fill(index);
    yield new Uint8Array(words.buffer);
  }
}

export function createMachine({ replicaIndex }: MachineOptions): StateMachine {
  const bytes = replicaIndex !== LOST ? Number(process.env[STREAM_BYTES_VARIABLE] ?? 0) : 0;
  return new StreamMachine(Math.ceil(bytes / (4 * CHUNK_WORDS)));
}
