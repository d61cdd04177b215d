import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram } from '../../../src/base/histogram.ts';
import { DemoClient, type LoadLane, type LoadMix, type OnCompleted } from '../../../src/cli/demo-client.ts';
import { IssuedLedger } from '../../../src/cli/issued-ledger.ts';

/** A lane that notes what is done to it; the test answers. */
class NotedLane implements LoadLane {
  readonly memory = new Uint8Array(1024);
  readonly words = new Int32Array(this.memory.buffer);
  readonly shard = 5;
  readonly notes: string[] = [];
  room = 100;
  /** [number, status] of the completions to deliver. */
  completions: [number, number][] = [];

  claim(payloadBytes: number): number {
    if (this.room === 0) return -1;
    this.room -= 1;
    this.notes.push(`claim ${payloadBytes}`);
    return 64;
  }

  publish(): void {
    this.notes.push('publish');
  }

  poll(onCompleted: OnCompleted, limit: number): number {
    const due = this.completions.splice(0, limit);
    for (const [number, status] of due) onCompleted(number, status, this.memory, 128, 8);
    return due.length;
  }

  async wait(): Promise<void> {}
}

class NotedMix implements LoadMix {
  readonly payloadBytes = 48;
  readonly encoded: number[] = [];
  readonly learned: number[] = [];
  digest = 0;
  failed = 0;

  encode(_bytes: Uint8Array, _words: Int32Array, offset: number, number: number): void {
    assert.is(offset, 64);
    this.encoded.push(number);
    this.digest = number * 100;
  }

  learn(number: number): void {
    this.learned.push(number);
  }
}

const test = suite<{ lane: NotedLane; mix: NotedMix; ledger: IssuedLedger; latency: Histogram; client: DemoClient }>(
  'demo client',
);

test.before.each((context) => {
  context.lane = new NotedLane();
  context.mix = new NotedMix();
  context.ledger = new IssuedLedger(4);
  context.latency = new Histogram();
  context.client = new DemoClient(9, context.lane, context.mix, context.ledger, context.latency, 4);
});

test('commands are numbered from 1, encoded in place and published together', ({ client, lane, mix, ledger }) => {
  assert.is(client.fill(2), 2);
  assert.equal(lane.notes, ['claim 48', 'claim 48', 'publish']);
  assert.equal(mix.encoded, [1, 2]);
  assert.is(ledger.digestAt(1), 100);
  assert.is(ledger.digest, 200);
  assert.equal([client.id, client.shard], [9, 5]);
});

test('a fill stops at the limit, at the commands in flight, and where the lane is full', ({ client, lane }) => {
  assert.is(client.fill(1), 1);
  assert.is(client.fill(100), 3);
  assert.is(client.fill(100), 0);
  lane.completions = [
    [1, 0],
    [2, 0],
  ];
  client.poll(10);
  lane.room = 1;
  assert.is(client.fill(100), 1);
});

test('nothing is published when nothing was claimed', ({ client, lane }) => {
  lane.room = 0;
  assert.is(client.fill(5), 0);
  assert.equal(lane.notes, []);
});

test('a completion is acknowledged, timed and learned from', ({ client, lane, mix, ledger, latency }) => {
  client.fill(3);
  lane.completions = [
    [1, 0],
    [2, 0],
    [3, 0],
  ];
  assert.is(client.poll(2), 2);
  assert.is(client.poll(2), 1);
  assert.is(ledger.acknowledged, 3);
  assert.is(latency.count, 3);
  assert.equal(mix.learned, [1, 2, 3]);
  assert.equal([client.refused, client.outOfOrder], [0, 0]);
});

test('other statuses and numbers out of order are noted', ({ client, lane }) => {
  client.fill(3);
  lane.completions = [
    [1, 0],
    [3, 2],
  ];
  client.poll(10);
  assert.equal([client.refused, client.refusedStatus, client.outOfOrder], [1, 2, 1]);
});

test('a completion too many is an error', ({ client, lane }) => {
  client.fill(1);
  lane.completions = [
    [1, 0],
    [1, 0],
  ];
  assert.throws(() => client.poll(10), /belongs to a command in flight/);
});

test.run();
