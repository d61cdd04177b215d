/**
 * The lane against a plain list of commands: one client, three replicas' readers, routes moving at any time. Whatever a
 * reader confirms is what the client wrote, in order, without gaps, from the oldest command without completion on.
 */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromWords } from '../../src/base/bits.ts';
import { LANE_DATA_BYTES, LANE_TAIL_WORD, LANE_WRITES, TYPE_COMMAND } from '../../src/memory/descriptor.ts';
import { createLane, LaneWriter } from '../../src/memory/lane.ts';
import { LaneReader } from '../../src/memory/lane-reader.ts';

const test = suite('property/lane');

const CAPACITY = 512;
const REPLICAS = 3;

type Step =
  | { kind: 'claim'; bytes: number }
  | { kind: 'publish' }
  | { kind: 'abandon' }
  | { kind: 'session' }
  | { kind: 'finish'; replica: number }
  | { kind: 'take'; replica: number; maxBytes: number }
  | { kind: 'complete'; count: number }
  | { kind: 'route'; replica: number };

const replica = fc.integer({ min: 0, max: REPLICAS - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('claim' as const), bytes: fc.integer({ min: 0, max: 240 }) }),
    },
    { weight: 5, arbitrary: fc.constant<Step>({ kind: 'publish' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'abandon' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'session' }) },
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('take' as const), replica, maxBytes: fc.integer({ min: 1, max: 600 }) }),
    },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('finish' as const), replica }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('complete' as const), count: fc.integer({ min: 0, max: 6 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('route' as const), replica }) },
  ),
  { maxLength: 150, size: 'max' },
);

interface Seen {
  number: number;
  bytes: number;
  mark: number;
}

/** One replica's worker: copies a run in one step and confirms it in a later one, as a slow thread would. */
class Worker {
  readonly reader: LaneReader;
  /** Serial of the leadership that this worker believes to have. */
  serial = 0;
  copy: Uint8Array | undefined = undefined;
  /** Serial of the adopted route, and the number that must come next on it. */
  adopted = 0;
  expected = 0;

  constructor(lane: SharedArrayBuffer) {
    this.reader = new LaneReader(lane);
  }

  refresh(index: number): boolean {
    const isActive = this.reader.refresh(index, this.serial);
    if (isActive && this.adopted !== this.serial) {
      this.adopted = this.serial;
      this.expected = this.reader.routedNumber;
    }
    return isActive;
  }
}

/** The client, the workers and what a lane must do between them. */
class World {
  readonly writer: LaneWriter;
  readonly workers: Worker[];
  confirmed = 0;
  private readonly firstNumber: number;
  private readonly published: Seen[] = [];
  private claimed: Seen[] = [];
  private routed = 0;
  private serial = 0;

  constructor(start: number, firstNumber: number) {
    const lane = createLane(CAPACITY, LANE_WRITES, 1);
    new Int32Array(lane)[LANE_TAIL_WORD] = start | 0;
    this.writer = new LaneWriter(lane, firstNumber);
    this.workers = Array.from({ length: REPLICAS }, () => new Worker(lane));
    this.firstNumber = firstNumber;
    this.route(0);
  }

  claim(bytes: number): void {
    const offset = this.writer.claim(bytes, TYPE_COMMAND);
    if (offset < 0) return;
    const index = this.published.length + this.claimed.length;
    const mark = (index * 37) & 0xff;
    this.writer.bytes.fill(mark, offset, offset + bytes);
    this.claimed.push({ number: this.firstNumber + index, bytes, mark: bytes > 0 ? mark : -1 });
  }

  publish(): void {
    this.writer.publish();
    this.published.push(...this.claimed);
    this.claimed = [];
    assert.is(this.writer.nextNumber, this.firstNumber + this.published.length);
  }

  abandon(): void {
    this.writer.abandon();
    this.claimed = [];
  }

  route(replicaIndex: number): void {
    this.routed = replicaIndex;
    this.serial += 1;
    this.workers[replicaIndex]!.serial = this.serial;
    this.writer.route(replicaIndex, this.serial);
  }

  /** Completions reach the client through the routed worker, for what it passed, or after it skipped what others took. */
  complete(count: number): void {
    const worker = this.workers[this.routed]!;
    let freed = Math.min(count, this.writer.inFlight);
    if (worker.copy === undefined && worker.refresh(this.routed)) {
      worker.reader.skipBelow(this.writer.oldestNumber + freed);
      worker.expected = Math.max(worker.expected, this.writer.oldestNumber + freed);
    } else if (worker.adopted === this.serial) {
      freed = Math.min(freed, worker.expected - this.writer.oldestNumber);
    } else {
      return;
    }
    this.writer.free(freed);
  }

  take(index: number, maxBytes: number): void {
    const worker = this.workers[index]!;
    if (worker.copy !== undefined) return;
    // The others go on with what they believe, until something tells them.
    if (index === this.routed) worker.refresh(index);
    if (!worker.reader.take(maxBytes)) return;
    const { runOffset, runSize } = worker.reader;
    assert.ok(runSize > 0 && runOffset >= LANE_DATA_BYTES, 'a run lies in the ring');
    assert.ok(runOffset + runSize <= LANE_DATA_BYTES + CAPACITY, 'a run lies in the ring');
    worker.copy = worker.reader.bytes.slice(runOffset, runOffset + runSize);
  }

  finish(index: number): void {
    const worker = this.workers[index]!;
    const copy = worker.copy;
    worker.copy = undefined;
    if (copy === undefined || !worker.reader.confirm()) return;
    assert.is(index, this.routed, 'only the routed replica gets a confirmed run');
    assert.is(worker.adopted, this.serial, 'and only in the leadership routed to');
    for (const seen of decode(copy)) {
      assert.is(seen.number, worker.expected, 'in order, without gaps');
      assert.equal(seen, this.published[seen.number - this.firstNumber], 'as the client wrote it');
      worker.expected += 1;
      this.confirmed += 1;
    }
  }
}

function decode(copy: Uint8Array): Seen[] {
  const words = new Int32Array(copy.buffer);
  const seen: Seen[] = [];
  let offset = 0;
  while (offset < copy.length) {
    const size = words[offset >> 2]!;
    assert.ok(size >= 16 && offset + size <= copy.length, 'a confirmed run consists of whole records');
    const payload = copy.slice(offset + 16, offset + size);
    assert.ok(payload.every((byte) => byte === payload[0]));
    seen.push({
      number: fromWords(words[(offset >> 2) + 2]!, words[(offset >> 2) + 1]! & 0x1fffff),
      bytes: size - 16,
      mark: payload[0] ?? -1,
    });
    offset += (size + 7) & ~7;
  }
  return seen;
}

function replay(start: number, firstNumber: number, list: Step[]): number {
  const world = new World(start, firstNumber);
  for (const step of list) {
    if (step.kind === 'claim') world.claim(step.bytes);
    else if (step.kind === 'publish') world.publish();
    else if (step.kind === 'abandon') world.abandon();
    else if (step.kind === 'session') world.writer.setSession(5);
    else if (step.kind === 'route') world.route(step.replica);
    else if (step.kind === 'complete') world.complete(step.count);
    else if (step.kind === 'take') world.take(step.replica, step.maxBytes);
    else world.finish(step.replica);
  }
  return world.confirmed;
}

const starts = fc
  .tuple(fc.constantFrom(2 ** 20, 2 ** 31, 2 ** 32), fc.integer({ min: -200, max: 20 }))
  .map(([wrap, units]) => wrap + units * 8);

test('a confirmed run is what the client wrote, whoever is routed to and however slow the others are', () => {
  let confirmed = 0;
  fc.assert(
    fc.property(starts, fc.constantFrom(1, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 45), steps, (start, first, list) => {
      confirmed += replay(start, first, list);
    }),
    { numRuns: 1500 },
  );
  assert.ok(confirmed > 1000, 'the property is not vacuous');
});

test.run();
