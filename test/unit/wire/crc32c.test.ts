/** CRC-32C against published values, and the two implementations against each other. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ChecksumBinding,
  crc32c,
  crc32cPair,
  crc32cWords,
  NativeChecksum,
  SoftwareChecksum,
} from '../../../src/wire/crc32c.ts';

const test = suite('wire/crc32c');

function of(bytes: Uint8Array): number {
  return crc32c(bytes, 0, bytes.length, 0) >>> 0;
}

test('yields the check value of the standard', () => {
  assert.is(of(Buffer.from('123456789')), 0xe3069283);
});

test('yields the values of RFC 3720, appendix B.4', () => {
  assert.is(of(new Uint8Array(32)), 0x8a9136aa);
  assert.is(of(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.is(of(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
  assert.is(of(Uint8Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c);
});

test('of nothing is the seed', () => {
  assert.is(crc32c(new Uint8Array(4), 2, 0, -7), -7);
});

test('refuses a range outside the bytes', () => {
  assert.throws(() => crc32c(new Uint8Array(8), 4, 5, 0), /inside/);
  assert.throws(() => crc32c(new Uint8Array(8), -1, 2, 0), /inside/);
  assert.throws(() => crc32cWords(new Int32Array(2), 1, 2, 0), /inside/);
});

test('of words is that of their bytes, for odd and even counts', () => {
  const words = Int32Array.from({ length: 17 }, (_, index) => Math.imul(index + 1, 0x9e3779b1));
  const bytes = new Uint8Array(words.buffer);
  for (let count = 0; count <= 16; count++) {
    assert.is(crc32cWords(words, 1, count, 99), crc32c(bytes, 4, count * 4, 99), `${count} words`);
  }
  assert.is(crc32cPair(words[3], words[4], -5), crc32c(bytes, 12, 8, -5));
});

test('the portable implementation agrees with itself, attached or not, at any alignment', () => {
  const checksum = new SoftwareChecksum();
  const shared = new SharedArrayBuffer(512);
  const bytes = new Uint8Array(shared);
  bytes.set(bytes.map((_, index) => (index * 37) & 255));
  const compare = (): void => {
    for (const view of [bytes, bytes.subarray(8), bytes.subarray(3)]) {
      for (let offset = 0; offset < 8; offset++) {
        for (const length of [0, 31, 32, 33, 101, 498]) {
          if (offset + length > view.length) continue;
          assert.is(checksum.crc32c(view, offset, length, 5), crc32c(view, offset, length, 5), `${offset}, ${length}`);
        }
      }
    }
  };
  compare();
  checksum.attach(bytes.subarray(0, 256));
  compare();
  checksum.attach(bytes);
  compare();
  checksum.detach(bytes);
  compare();
});

/** A stand-in for the addon that notes its calls. */
class Binding implements ChecksumBinding {
  readonly views: Uint8Array[] = [];
  readonly calls: string[] = [];

  attach(view: Uint8Array): number {
    return this.views.push(view) - 1;
  }

  detach(id: number): void {
    this.calls.push(`detach ${id}`);
  }

  crc32c(id: number, offset: number, length: number, seed: number): number {
    this.calls.push(`${id} ${offset} ${length}`);
    return crc32c(this.views[id], offset, length, seed);
  }
}

function filled(memory: ArrayBufferLike): Uint8Array {
  return new Uint8Array(memory).map((_, index) => (index * 31) & 255);
}

test('goes to the addon for long ranges of attached memory only', () => {
  const binding = new Binding();
  const checksum = new NativeChecksum(binding);
  const first = new Uint8Array(new SharedArrayBuffer(1024));
  const second = new Uint8Array(new SharedArrayBuffer(1024));
  const stranger = new Uint8Array(1024);
  for (const bytes of [first, second, stranger]) bytes.set(filled(bytes.buffer));
  checksum.attach(first);
  checksum.attach(second);
  checksum.attach(first);
  assert.is(binding.views.length, 2, 'attaching twice is attaching once');
  for (const bytes of [first, second, stranger, first, first.subarray(128)]) {
    assert.is(checksum.crc32c(bytes, 64, 600, 3), crc32c(bytes, 64, 600, 3));
    assert.is(checksum.crc32c(bytes, 64, 255, 3), crc32c(bytes, 64, 255, 3));
  }
  assert.equal(binding.calls, ['0 64 600', '1 64 600', '0 64 600', '0 192 600']);
});

test('memory attached after it was asked for is found', () => {
  const binding = new Binding();
  const checksum = new NativeChecksum(binding);
  const bytes = new Uint8Array(new SharedArrayBuffer(512));
  checksum.crc32c(bytes, 0, 512, 0);
  checksum.attach(bytes);
  checksum.crc32c(bytes, 0, 512, 0);
  assert.is(binding.calls.length, 1);
  assert.throws(() => checksum.attach(new Uint8Array(8)), /shared/);
});

test('detached memory goes to the addon no more', () => {
  const binding = new Binding();
  const checksum = new NativeChecksum(binding);
  const bytes = new Uint8Array(new SharedArrayBuffer(512));
  checksum.attach(bytes);
  checksum.crc32c(bytes, 0, 512, 0);
  checksum.detach(bytes);
  checksum.detach(bytes);
  checksum.crc32c(bytes, 0, 512, 0);
  assert.equal(binding.calls, ['0 0 512', 'detach 0']);
});

test.run();
