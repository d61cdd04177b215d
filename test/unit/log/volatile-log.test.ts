/** The volatile log: durable at once, found again by a replacement worker, full for ever when it is full (S4). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, VALUE_BYTES_MAX } from '../../../src/limits.ts';
import { EntryStore } from '../../../src/log/entry-store.ts';
import type { LogDevice } from '../../../src/log/log.ts';
import { recoverVolatileLog, VOLATILE_CONTROL_BYTES, VolatileLog } from '../../../src/log/volatile-log.ts';
import { appendPromise, appendVote } from '../../support/log-fixture.ts';

const test = suite('log/volatile-log');

const device = { name: 'memory', durable: false } as LogDevice;
const LARGEST = new Uint8Array(VALUE_BYTES_MAX).fill(3);

interface Memory {
  chunks: SharedArrayBuffer[];
  control: SharedArrayBuffer;
}

function memory(count: number): Memory {
  return {
    chunks: Array.from({ length: count }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES)),
    control: new SharedArrayBuffer(VOLATILE_CONTROL_BYTES),
  };
}

/** What a worker does at its start: read what the predecessor left, then go on. */
function start({ chunks, control }: Memory): { log: VolatileLog; slots: number[]; lengths: number[] } {
  const slots: number[] = [];
  const lengths: number[] = [];
  recoverVolatileLog(new EntryStore(chunks, false), control, (record) => {
    slots.push(record.slot);
    lengths.push(record.valueLength);
  });
  return { log: new VolatileLog(device, new EntryStore(chunks, false), control), slots, lengths };
}

test('an empty memory is a first start', () => {
  const { log, slots } = start(memory(1));
  assert.equal(slots, []);
  assert.is(log.appendedPosition, LOG_BLOCK_BYTES);
  assert.is(log.submit(true), 0);
  assert.not(log.poll());
});

test('submit makes everything durable, poll tells once', () => {
  const { log } = start(memory(1));
  const position = appendVote(log, 1, 'abc');
  assert.ok(log.durablePosition <= position);
  assert.is(log.submit(true), 1);
  assert.is(log.durablePosition, log.appendedPosition);
  assert.ok(log.poll());
  assert.not(log.poll());
  assert.is(log.submit(true), 0);
});

test('a replacement worker finds every record, over several chunks and replacements', () => {
  const shared = memory(3);
  const expected: number[] = [];
  let slot = 0;
  for (let round = 0; round < 8; round++) {
    const { log, slots, lengths } = start(shared);
    assert.equal(slots, [...expected.keys()]);
    assert.equal(lengths, expected);
    for (let count = 0; count < 5; count++) {
      appendVote(log, slot++, LARGEST);
      expected.push(LARGEST.length);
      appendPromise(log, slot++);
      expected.push(0);
    }
    const staged = log.stage(500);
    log.stagedBytes.fill(0xee, staged - 64, staged + 500);
  }
  const { log } = start(shared);
  assert.ok(log.appendedPosition > 2 * LOG_SEGMENT_BYTES);
});

test('a record that was not completed before the worker died is not there', () => {
  const shared = memory(1);
  const { log } = start(shared);
  appendVote(log, 1, 'first');
  const end = log.appendedPosition;
  appendVote(log, 2, 'second');
  new Float64Array(shared.control)[0] = end;
  const next = start(shared);
  assert.equal(next.slots, [1]);
  appendVote(next.log, 3, 'third, longer than before');
  assert.equal(start(shared).slots, [1, 3]);
});

test('records are found in place by position', () => {
  const { log } = start(memory(2));
  const positions = [0, 1, 2, 3].map((slot) => appendVote(log, slot, `value ${slot}`));
  for (const [slot, position] of positions.entries()) {
    log.locate(position);
    const at = log.readOffset + 64;
    assert.is(Buffer.from(log.readBytes.slice(at, at + 7)).toString(), `value ${slot}`);
  }
  assert.throws(() => log.locate(log.appendedPosition), /appended/);
});

test('the last chunk filled, values are refused for ever and promises still find room', () => {
  const { log } = start(memory(2));
  let count = 0;
  while (appendVote(log, count, LARGEST) >= 0) count++;
  assert.is(count, 30);
  while (appendVote(log, count, 'small') >= 0) count++;
  assert.ok(log.isFull);
  log.submit(true);
  assert.is(log.stage(1), -1);
  for (let index = 0; index < 4090; index++) assert.ok(appendPromise(log, index) > 0);
  assert.throws(
    () => {
      for (;;) appendPromise(log, 1);
    },
    (error: { code: string }) => error.code === 'ERR_SYNOD_FULL',
  );
});

test('memory that does not match its checksums is refused', () => {
  const shared = memory(1);
  const position = appendVote(start(shared).log, 1, 'abc');
  new Uint8Array(shared.chunks[0])[position + 20] ^= 1;
  assert.throws(
    () => start(shared),
    (error: { code: string }) => error.code === 'ERR_SYNOD_LOG_DAMAGED',
  );
});

test.run();
