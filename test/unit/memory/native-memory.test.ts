/** Copies, checksums and parking through the addon, against what the portable forms do with the same bytes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bulk } from '../../../src/memory/bulk.ts';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE } from '../../../src/memory/descriptor.ts';
import { Doorbell, Sleeper } from '../../../src/memory/doorbell.ts';
import { makeNativeBulk, NativeWaker } from '../../../src/memory/native-memory.ts';
import { loadNative, type NativeBinding } from '../../../src/native-binding.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

/** Around the length from which the addon copies, and around those at which its checksum changes its step. */
const SIZES = [0, 1, 3, 4, 7, 8, 60, 127, 128, 129, 132, 255, 767, 768, 769, 4096, 24_575, 24_576, 24_577, 60_000];
const BYTES = 1 << 16;
const FILL = 0xa5;

function shared(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}

function noise(): Uint8Array {
  const bytes = shared(BYTES);
  for (let at = 0; at < BYTES; at++) bytes[at] = Math.imul(at + 1, 0x9e3779b1) >>> 24;
  return bytes;
}

function copies(bulk: Bulk, source: Uint8Array, from: number, target: Uint8Array, to: number, size: number): void {
  target.fill(FILL);
  bulk.copy(source, from, target, to, size);
  const expected = new Uint8Array(target.length).fill(FILL);
  expected.set(source.subarray(from, from + size), to);
  assert.is(Buffer.compare(target, expected), 0, `${size} bytes from ${from} to ${to}`);
}

function testCopies(binding: NativeBinding): void {
  const test = suite<{ bulk: Bulk }>('memory/native-memory copies');
  test.before.each((context) => {
    context.bulk = makeNativeBulk(binding);
  });

  test('copies every byte and no other, aligned or not, short or long', ({ bulk }) => {
    const source = noise();
    const target = shared(BYTES);
    for (const size of SIZES) {
      copies(bulk, source, 0, target, 0, size);
      copies(bulk, source, 64, target, 128, size);
      copies(bulk, source, 1, target, 3, size);
    }
  });

  test('copies to the end of a view and of its buffer', ({ bulk }) => {
    const source = noise();
    const target = shared(BYTES);
    for (const size of SIZES) copies(bulk, source, BYTES - size, target, BYTES - size, size);
  });

  test('offsets count from the start of the view, not of its buffer', ({ bulk }) => {
    const source = noise();
    const target = shared(BYTES);
    for (const size of [4, 64, 129, 4096]) {
      copies(bulk, source.subarray(256), 8, target, 16, size);
      copies(bulk, source, 8, target.subarray(512, 512 + 8192), 16, size);
      assert.is(bulk.crc32c(source.subarray(256), 8, size), crc32c(source, 264, size, 0));
    }
  });

  test('tells views of one buffer apart', ({ bulk }) => {
    const source = noise();
    const target = shared(BYTES);
    const views = [0, 256, 512].map((start) => source.subarray(start));
    for (const view of [0, 1, 0, 2, 2, 1, 0]) copies(bulk, views[view] as Uint8Array, 0, target, 0, 64);
    for (const view of [0, 1, 0]) {
      const target = views[view] as Uint8Array;
      bulk.copy(noise(), 4 * view, target, 0, 200);
      assert.is(bulk.crc32c(target, 0, 200), crc32c(noise(), 4 * view, 200, 0));
    }
  });

  test('copies between overlapping ranges as if through a third place', ({ bulk }) => {
    for (const size of [64, 4096]) {
      for (const [from, to] of [
        [0, 32],
        [32, 0],
      ] as const) {
        const bytes = noise();
        const expected = Uint8Array.from(bytes);
        expected.copyWithin(to, from, from + size);
        bulk.copy(bytes, from, bytes, to, size);
        assert.is(Buffer.compare(bytes, expected), 0, `${size} bytes from ${from} to ${to}`);
      }
    }
  });

  test.run();
}

function testRefusals(binding: NativeBinding): void {
  const test = suite('memory/native-memory refusals');
  const bulk = makeNativeBulk(binding);

  test('refuses ranges that leave a view, although its buffer goes on', () => {
    const inner = noise().subarray(64, 128);
    const target = shared(64);
    assert.throws(() => bulk.copy(inner, 8, target, 0, 57), /reads inside/);
    assert.throws(() => bulk.copy(inner, -4, target, 0, 8), /reads inside/);
    assert.throws(() => bulk.copy(target, 0, inner, 60, 8), /writes inside/);
    assert.throws(() => bulk.crc32c(inner, 60, 5), /reads inside/);
  });

  test('refuses memory that may move', () => {
    assert.throws(() => bulk.crc32c(new Uint8Array(8), 0, 8), /stays where it is/);
  });

  test.run();
}

function testChecksums(binding: NativeBinding): void {
  const test = suite('memory/native-memory checksums');

  test('checksums agree with the portable ones, at any alignment', () => {
    const bulk = makeNativeBulk(binding);
    const bytes = noise();
    for (const size of SIZES)
      for (let offset = 0; offset < 9; offset++)
        assert.is(bulk.crc32c(bytes, offset, size), crc32c(bytes, offset, size, 0), `${size} bytes from ${offset}`);
  });

  test('checksums go on from a seed', () => {
    const bytes = noise();
    const id = binding.attach(bytes);
    for (const first of [0, 1, 100, 25_000]) {
      const seed = binding.crc32c(id, 0, first, 0);
      assert.is(binding.crc32c(id, first, 50_000 - first, seed), crc32c(bytes, 0, 50_000, 0), `after ${first}`);
    }
    binding.detach(id);
  });

  test.run();
}

function testParking(binding: NativeBinding): void {
  const test = suite('memory/native-memory parking');

  test('a sleeper that was rung before it parks does not sleep', () => {
    const block = new SharedArrayBuffer(256);
    const waker = new NativeWaker(binding, block);
    const sleeper = new Sleeper(block, 3, waker);
    sleeper.prepare();
    assert.ok(new Doorbell(block, 3, waker).ring());
    assert.ok(sleeper.park(10_000));
  });

  test('a park that nobody ends comes back unrung', () => {
    const block = new SharedArrayBuffer(256);
    const sleeper = new Sleeper(block, 3, new NativeWaker(binding, block));
    sleeper.prepare();
    assert.not(sleeper.park(1));
    assert.is(new Int32Array(block)[3], DOORBELL_AWAKE);
  });

  test('parks and wakes inside its block only', () => {
    const waker = new NativeWaker(binding, new SharedArrayBuffer(64));
    assert.throws(() => waker.park(16, DOORBELL_ASLEEP, 1), /lies in its block/);
    assert.throws(() => waker.wake(-1), /lies in its block/);
  });

  test.run();
}

const { binding } = loadNative('auto');
if (binding !== undefined) for (const part of [testCopies, testRefusals, testChecksums, testParking]) part(binding);

const loads = suite('memory/native-memory');
(binding === undefined ? loads.skip : loads)('the addon is there to be tested', () => {
  assert.ok(makeNativeBulk(binding as NativeBinding).isNative);
});
loads.run();
