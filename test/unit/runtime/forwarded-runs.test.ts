/** The queue of what one member forwarded: whole, in order, bounded, and nothing in it that could stop who applies it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FORWARD_QUEUE_BYTES, FORWARD_RUN_BYTES_MAX } from '../../../src/limits.ts';
import {
  COMMAND_HEADER_BYTES,
  RECORD_TYPE_SHIFT,
  TYPE_CLOSE_SESSION,
  TYPE_COMMAND,
  TYPE_OPEN_SESSION,
  TYPE_PADDING,
  TYPE_QUERY,
} from '../../../src/memory/descriptor.ts';
import { ForwardedRuns } from '../../../src/runtime/forwarded-runs.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';
import { portableBulk } from '../../support/in-thread-cluster.ts';

interface Sent {
  bytes: Uint8Array;
  words: Int32Array;
  size: number;
}

/** A run of records of `sizes` bytes, all of one type; the first payload word of each is its index. */
function run(sizes: readonly number[], type = TYPE_COMMAND): Sent {
  const total = sizes.reduce((sum, size) => sum + ((size + 7) & ~7), 0);
  const words = new Int32Array(total / 4);
  let at = 0;
  sizes.forEach((size, index) => {
    words[at >> 2] = size;
    words[(at >> 2) + 1] = type << RECORD_TYPE_SHIFT;
    if (size > COMMAND_HEADER_BYTES) words[(at >> 2) + 4] = index;
    at += (size + 7) & ~7;
  });
  return { words, bytes: new Uint8Array(words.buffer), size: total };
}

const push = (runs: ForwardedRuns, { bytes, size }: Sent, crc = crc32c(bytes, 0, size, 0)): boolean =>
  runs.push(bytes, 0, size, crc);

/** Bytes of the next run, or undefined. */
function next(runs: ForwardedRuns): Uint8Array | undefined {
  if (!runs.take(1)) return undefined;
  const copy = runs.bytes.slice(runs.runOffset, runs.runOffset + runs.runSize);
  runs.confirm();
  return copy;
}

const test = suite('runtime/forwarded-runs');

test('runs come out as they went in, in order', () => {
  const runs = new ForwardedRuns(portableBulk);
  const first = run([24, 24]);
  const second = run([40]);
  assert.not(runs.take(1));
  assert.ok(push(runs, first) && push(runs, second));
  assert.equal(next(runs), first.bytes);
  assert.equal(next(runs), second.bytes);
  assert.is(next(runs), undefined);
});

test('a run that no batch took yet is found again', () => {
  const runs = new ForwardedRuns(portableBulk);
  push(runs, run([24]));
  push(runs, run([40]));
  assert.ok(runs.take(1) && runs.take(1));
  assert.is(runs.runSize, 24);
});

test('what is not what was sent is refused', () => {
  const runs = new ForwardedRuns(portableBulk);
  const good = run([24]);
  assert.not(push(runs, good, 1));
  assert.is(next(runs), undefined);
  assert.ok(push(runs, good));
});

test('records that a log may not hold are refused, whatever their checksum says', () => {
  const runs = new ForwardedRuns(portableBulk);
  const refused = [
    run([24], TYPE_QUERY),
    run([24], TYPE_PADDING),
    run([COMMAND_HEADER_BYTES], TYPE_OPEN_SESSION),
    run([24, 24]),
    run([24]),
    run([]),
  ];
  refused[3]!.words[6] = 1 << 20;
  refused[4]!.words[0] = COMMAND_HEADER_BYTES - 1;
  for (const sent of refused) assert.not(push(runs, sent), `${sent.words.slice(0, 2)}`);
  assert.ok(push(runs, run([24], TYPE_OPEN_SESSION)) && push(runs, run([16], TYPE_CLOSE_SESSION)));
});

test('a run is no longer than the largest command, and the queue is bounded', () => {
  const runs = new ForwardedRuns(portableBulk);
  assert.not(push(runs, run([FORWARD_RUN_BYTES_MAX + 8])));
  const large = run([FORWARD_RUN_BYTES_MAX]);
  let taken = 0;
  while (push(runs, large)) taken += 1;
  assert.ok(taken >= 2 && taken * FORWARD_RUN_BYTES_MAX < FORWARD_QUEUE_BYTES, `${taken} runs`);
  next(runs);
  assert.ok(push(runs, run([24])), 'what was taken makes room');
});

test('a cleared queue is empty and goes on', () => {
  const runs = new ForwardedRuns(portableBulk);
  runs.clear();
  push(runs, run([24]));
  push(runs, run([24]));
  runs.take(1);
  runs.clear();
  assert.is(next(runs), undefined);
  const later = run([32]);
  push(runs, later);
  assert.equal(next(runs), later.bytes);
});

test.run();
