/** The duty cycle of whole replicas in one thread: election, commands, completions, fail-over, reads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  RUN_COUNT_WORD,
  RUN_FIRST_LOW_WORD,
  TYPE_COMMAND,
  TYPE_QUERY,
  TYPE_REPLIES,
  TYPE_ROUTE,
} from '../../../src/memory/descriptor.ts';
import type { Command, Reply, StateMachine } from '../../../src/runtime/state-machine.ts';
import { InThreadCluster, type TestLane } from '../../support/in-thread-cluster.ts';

/** Appends each command's first word to a list, and answers with the list's length. */
class ListMachine implements StateMachine {
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

interface Completion {
  first: number;
  count: number;
  status: number;
  word: number;
}

/** Everything the ring of `member` holds, without the route marks. */
function completions(lane: TestLane, member: number): Completion[] {
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
      status: ring.words[word + 5]!,
      word: ring.words[word + 6]!,
    });
  }
  ring.release();
  return found;
}

function put(lane: TestLane, value: number, type = TYPE_COMMAND): void {
  const at = lane.writer.claim(8, type);
  assert.ok(at > 0);
  lane.writer.words[at >> 2] = value;
  lane.writer.publish();
}

function open(cluster: InThreadCluster, lane: TestLane, leader: number): void {
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

const lists = (cluster: InThreadCluster): number[][] => cluster.members.map((m) => (m.machine as ListMachine).list);

const test = suite('replica-host');

test('the preferred member leads, and commands are applied once and in order on every replica', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  assert.is(cluster.leader(), 0);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 100; i++) put(lane, i);
  cluster.settle();
  const done = completions(lane, 0);
  assert.is(
    done.reduce((sum, run) => sum + run.count, 0),
    100,
  );
  cluster.ticks(10);
  const expected = Array.from({ length: 100 }, (_, i) => i);
  for (const list of lists(cluster)) assert.equal(list, expected);
  for (const member of cluster.members) assert.equal(member.errors, []);
});

test('after the leader is gone its shards get another, and what was sent again is applied once', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 50; i++) put(lane, i);
  cluster.settle();
  const down = new Set([0]);
  cluster.ticks(200, down);
  const leader = cluster.leader(down);
  assert.ok(leader > 0, 'another member leads');
  for (let i = 50; i < 60; i++) put(lane, i);
  lane.writer.route(leader, cluster.members[leader]!.driver.replica.state.leadershipSerial);
  cluster.settle(down);
  cluster.ticks(10, down);
  const done = completions(lane, leader);
  assert.is(
    done.reduce((sum, run) => sum + run.count, 0),
    60,
  );
  const expected = Array.from({ length: 60 }, (_, i) => i);
  assert.equal(lists(cluster)[leader], expected);
  cluster.ticks(100);
  for (const list of lists(cluster)) assert.equal(list, expected);
});

test('a linearizable read sees everything acknowledged before it', () => {
  const cluster = new InThreadCluster(3, () => new ListMachine());
  cluster.ticks(20);
  const lane = cluster.lane('writes');
  open(cluster, lane, 0);
  for (let i = 0; i < 7; i++) put(lane, i);
  cluster.settle();
  const reads = cluster.lane('reads', 8);
  reads.writer.route(0, cluster.members[0]!.driver.replica.state.leadershipSerial);
  put(reads, 0, TYPE_QUERY);
  cluster.settle();
  assert.equal(completions(reads, 0), [{ first: 1, count: 1, status: 0, word: 7 }]);
});

test.run();
