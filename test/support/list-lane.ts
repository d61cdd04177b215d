/** Commands over one lane to an in-thread cluster whose machines keep lists: put, open a session, see what was answered. */
import * as assert from 'uvu/assert';
import {
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  RUN_HEADER_BYTES,
  TYPE_COMMAND,
  TYPE_REPLIES,
  TYPE_ROUTE,
} from '../../src/memory/descriptor.ts';
import type { Command, Reply, StateMachine } from '../../src/runtime/state-machine.ts';
import type { InThreadCluster, TestLane } from './in-thread-cluster.ts';

/** Appends each command's first word to a list, and answers with the list's length. */
export class ListMachine implements StateMachine {
  readonly list: number[] = [];
  apply(command: Command, reply: Reply): void {
    this.list.push(command.words[command.offset >> 2] as number);
    reply.words[reply.offset >> 2] = this.list.length;
    reply.length = 4;
  }
  query(_query: Command, reply: Reply): void {
    reply.words[reply.offset >> 2] = this.list.length;
    reply.length = 4;
  }
  snapshot(): Iterable<Uint8Array> {
    return [];
  }
  restore(): void {}
}

export interface Completion {
  first: number;
  count: number;
  status: number;
  word: number;
}

/** Everything the ring of `member` holds, without the route marks. */
export function completions(lane: TestLane, member: number): Completion[] {
  const ring = lane.rings[member]!;
  const found: Completion[] = [];
  for (let at = ring.next(); at >= 0; at = ring.next()) {
    const word = at >> 2;
    const type = (ring.words[word + 1] as number) >>> 24;
    if (type === TYPE_ROUTE) continue;
    assert.is(type, TYPE_REPLIES);
    const first = ring.words[word + RUN_FIRST_LOW_WORD] as number;
    found.push({
      first,
      count: ring.words[word + RUN_COUNT_WORD]!,
      status: ring.words[word + RUN_HEADER_BYTES / 4 + 1]!,
      word: ring.words[word + RUN_HEADER_BYTES / 4 + 2]!,
    });
  }
  ring.release();
  return found;
}

export function put(lane: TestLane, value: number, type = TYPE_COMMAND): void {
  const at = lane.writer.claim(8, type);
  assert.ok(at > 0);
  lane.writer.words[at >> 2] = value;
  lane.writer.publish();
}

export function open(cluster: InThreadCluster, lane: TestLane, leader: number): void {
  lane.writer.claimOpen();
  lane.writer.publish();
  lane.writer.route(leader, cluster.members[leader]!.driver.replica.state.leadershipSerial);
  cluster.settle();
  const [opened] = completions(lane, leader);
  assert.is(opened?.first, 0);
  assert.ok((opened?.word ?? 0) > 0, 'the session has an id');
  lane.writer.setSession(opened!.word);
  lane.writer.free(1);
}
