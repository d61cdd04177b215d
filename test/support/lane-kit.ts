/** Both ends of a lane in one thread: commands as words, completions as readable records. */
import { fromWords } from '../../src/base/bits.ts';
import {
  COMMAND_NUMBER_HIGH_MASK,
  RECORD_TYPE_SHIFT,
  RECORD_TYPE_WORD,
  REPLY_HEADER_BYTES,
  REPLY_SIZE_WORD,
  REPLY_STATUS_WORD,
  ROUTE_MARK_CHANGE_WORD,
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  TYPE_COMMAND,
  TYPE_ROUTE,
} from '../../src/memory/descriptor.ts';
import type { LaneWriter } from '../../src/memory/lane.ts';
import type { RingConsumer } from '../../src/memory/ring.ts';
import type { Command, Reply, StateMachine } from '../../src/runtime/state-machine.ts';

/** Publishes one record with `value` in its first word. */
export function put(writer: LaneWriter, value: number, type = TYPE_COMMAND, bytes = 8): void {
  const at = writer.claim(bytes, type);
  if (at < 0) throw new Error('the lane is full');
  writer.words[at >> 2] = value;
  writer.publish();
}

export interface Completion {
  number: number;
  status: number;
  /** First word of the reply; undefined where it is empty. */
  word: number | undefined;
}

export interface Completions {
  /** ROUTE_CHANGE of every route mark met. */
  marks: number[];
  replies: Completion[];
  runs: number;
}

/** Takes at most `limit` records out of a completion ring. */
export function takeCompletions(ring: RingConsumer, limit = Number.MAX_SAFE_INTEGER): Completions {
  const found: Completions = { marks: [], replies: [], runs: 0 };
  for (let n = 0; n < limit; n++) {
    const at = ring.next();
    if (at < 0) break;
    const word = at >> 2;
    if (ring.words[word + RECORD_TYPE_WORD]! >>> RECORD_TYPE_SHIFT === TYPE_ROUTE) {
      found.marks.push(ring.words[word + ROUTE_MARK_CHANGE_WORD]!);
    } else {
      found.runs += 1;
      takeRun(ring, word, found.replies);
    }
  }
  ring.release();
  return found;
}

function takeRun(ring: RingConsumer, word: number, replies: Completion[]): void {
  const high = ring.words[word + RECORD_TYPE_WORD]! & COMMAND_NUMBER_HIGH_MASK;
  const first = fromWords(ring.words[word + RUN_FIRST_LOW_WORD]!, high);
  let reply = word + RUN_HEADER_BYTES / 4;
  for (let n = 0; n < ring.words[word + RUN_COUNT_WORD]!; n++) {
    const size = ring.words[reply + REPLY_SIZE_WORD]!;
    const hasWord = size >= REPLY_HEADER_BYTES + 4;
    replies.push({
      number: first + n,
      status: ring.words[reply + REPLY_STATUS_WORD]!,
      word: hasWord ? ring.words[reply + REPLY_HEADER_BYTES / 4]! : undefined,
    });
    reply += ((size + 7) & ~7) >> 2;
  }
}

/** Appends each command's first word to a list, and answers with the list's length. */
export class ListMachine implements StateMachine {
  readonly list: number[] = [];
  readonly logTimes: number[] = [];

  apply(command: Command, reply: Reply): void {
    this.list.push(command.words[command.offset >> 2] as number);
    this.logTimes.push(command.logTimeMs);
    this.query(command, reply);
  }

  query(_query: Command, reply: Reply): void {
    reply.words[reply.offset >> 2] = this.list.length;
    reply.length = 4;
  }

  snapshot(): Iterable<Uint8Array> {
    return [new Uint8Array(Float64Array.from(this.list).buffer)];
  }

  *restore(chunks: Iterable<Uint8Array>): Generator<void> {
    for (const chunk of chunks) {
      this.list.splice(0, this.list.length, ...new Float64Array(chunk.slice().buffer));
      yield;
    }
  }
}
