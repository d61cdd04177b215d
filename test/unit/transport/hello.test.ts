/** Hellos: read as they were written, and judged field by field. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  canBeHello,
  decodeHello,
  encodeHello,
  HELLO_BYTES,
  type Hello,
  helloViolation,
  type Identity,
} from '../../../src/transport/hello.ts';
import { crc32c } from '../../../src/wire/crc32c.ts';

const test = suite('transport/hello');

const SELF: Identity = { clusterId: 2 ** 52 + 3, nodeId: 2, incarnation: 2 ** 40 + 1, bootCounter: 7, shards: 4 };
const HELLO: Omit<Hello, 'wireVersion'> = {
  clusterId: SELF.clusterId,
  nodeId: 1,
  incarnation: 2 ** 51 + 9,
  bootCounter: 12,
  shards: 4,
  step: 1,
  lane: 1,
  linkNumber: 0xffff_fff0,
  receiverId: 2,
  refusal: undefined,
};
const EXPECTED = { nodeId: 1, incarnation: HELLO.incarnation, bootCounter: 12 };

/** A change that the checksum would not find. */
function altered(word: number, value: number): Uint8Array {
  const bytes = encodeHello(HELLO);
  const view = new DataView(bytes.buffer);
  view.setInt32(word * 4, value, true);
  view.setInt32(HELLO_BYTES - 4, crc32c(bytes, 0, HELLO_BYTES - 4, 0), true);
  return bytes;
}

test('a hello is read as it was written, numbers beyond 2^32 and refusals included', () => {
  const hello = { ...HELLO, refusal: 'oldBoot' as const };
  assert.equal(decodeHello(encodeHello(hello)), { ...hello, wireVersion: 1 });
  assert.equal(decodeHello(encodeHello(HELLO)), { ...HELLO, wireVersion: 1 });
});

test('any flipped bit is found', () => {
  for (let bit = 0; bit < HELLO_BYTES * 8; bit++) {
    const bytes = encodeHello(HELLO);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.type(decodeHello(bytes), 'string', `bit ${bit}`);
  }
});

test('another version is told as such: nothing else of it is understood', () => {
  assert.is(decodeHello(altered(1, (9 << 16) | 0x101)), 'wireVersion');
});

test('fields out of their range make no hello', () => {
  assert.is(decodeHello(altered(1, (1 << 16) | (2 << 8) | 1)), 'malformed', 'lane');
  assert.is(decodeHello(altered(1, (1 << 16) | 4)), 'malformed', 'step');
  assert.is(decodeHello(altered(5, 2 ** 21)), 'malformed', 'cluster id');
  assert.is(decodeHello(altered(9, -1)), 'malformed', 'boot counter');
  assert.is(decodeHello(altered(10, -5)), 'malformed', 'node id');
  assert.is(decodeHello(altered(12, -1)), 'malformed', 'shards');
});

test('HTTP, TLS and noise are told from a hello by their first bytes', () => {
  assert.ok(canBeHello(encodeHello(HELLO), 1));
  assert.ok(canBeHello(encodeHello(HELLO), HELLO_BYTES));
  assert.not.ok(canBeHello(Buffer.from('GET '), 4));
  assert.not.ok(canBeHello(Buffer.from([0x16, 3, 1, 0]), 1));
  assert.not.ok(canBeHello(Buffer.from('SYN!'), 4));
});

test('who is expected is welcome, after a restart too', () => {
  const hello = decodeHello(encodeHello(HELLO)) as Hello;
  assert.is(helloViolation(SELF, hello, EXPECTED), undefined);
  assert.is(helloViolation(SELF, { ...hello, bootCounter: 13 }, EXPECTED), undefined);
  assert.is(helloViolation(SELF, hello, { ...EXPECTED, incarnation: 0 }), undefined, 'the first incarnation');
});

test('every disagreement has its own reason', () => {
  const hello = decodeHello(encodeHello(HELLO)) as Hello;
  const cases = [
    ['wrongCluster', { clusterId: 5 }],
    ['wrongReceiver', { receiverId: 3 }],
    ['wrongIncarnation', { incarnation: 1 }],
    ['oldBoot', { bootCounter: 11 }],
    ['shards', { shards: 5 }],
  ] as const;
  for (const [reason, change] of cases) assert.is(helloViolation(SELF, { ...hello, ...change }, EXPECTED), reason);
  assert.is(helloViolation(SELF, hello, undefined), 'notMember');
  assert.is(helloViolation(SELF, hello, { ...EXPECTED, nodeId: 3 }), 'notMember');
  assert.is(
    helloViolation(SELF, { ...hello, nodeId: 2 }, { ...EXPECTED, nodeId: 2 }),
    'notMember',
    'a node meets itself',
  );
});

test('a directory made later to replace a lost one is believed; the lost one, found again, is not', () => {
  const hello = decodeHello(encodeHello({ ...HELLO, isReplacement: true })) as Hello;
  const known = { ...EXPECTED, incarnation: HELLO.incarnation - 1, bootCounter: 99 };
  assert.is(helloViolation(SELF, hello, known), undefined);
  assert.is(helloViolation(SELF, { ...hello, shards: SELF.shards + 1 }, known), 'shards');
  assert.is(helloViolation(SELF, { ...hello, incarnation: known.incarnation - 1 }, known), 'wrongIncarnation');
  assert.is(helloViolation(SELF, decodeHello(encodeHello(HELLO)) as Hello, known), 'wrongIncarnation');
  assert.is(
    helloViolation(SELF, { ...hello, bootCounter: 11 }, EXPECTED),
    'oldBoot',
    'its own later starts are counted',
  );
});

test.run();
