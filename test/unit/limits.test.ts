/** Relations that `limits.ts` cannot assert itself, because they tie it to layouts drawn elsewhere. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isPowerOfTwo } from '../../src/base/bits.ts';
import * as limits from '../../src/limits.ts';
import { ENTRY_HEADER_BYTES, SUBMISSION_HEADER_BYTES } from '../../src/log/record.ts';
import { BATCH_HEADER_BYTES, COMMAND_HEADER_BYTES, SESSION_INDEX_BITS } from '../../src/memory/descriptor.ts';

const test = suite('limits');

test('every limit is a positive integer below 2^53', () => {
  for (const [name, value] of Object.entries(limits)) {
    assert.ok(Number.isSafeInteger(value) && (value as number) > 0, name);
  }
});

test('ring capacities are powers of two', () => {
  const rings = Object.entries(limits).filter(([name]) => name.endsWith('RING_BYTES') || name === 'RING_BYTES_MIN');
  assert.ok(rings.length >= 5);
  for (const [name, value] of rings) assert.ok(isPowerOfTwo(value), name);
});

test('a ballot fits 53 bits with its largest round and node', () => {
  const ballot = limits.BALLOT_ROUND_MAX * 2 ** limits.NODE_ID_BITS + limits.NODE_ID_MAX;
  assert.is(ballot, Number.MAX_SAFE_INTEGER);
});

test('a value holds one largest command with the headers of command and batch', () => {
  assert.ok(limits.VALUE_BYTES_MAX >= limits.PAYLOAD_BYTES_MAX + BATCH_HEADER_BYTES + COMMAND_HEADER_BYTES);
  assert.ok(limits.BATCH_BYTES_TARGET <= limits.VALUE_BYTES_MAX);
  assert.ok(limits.PAYLOAD_BYTES_DEFAULT <= limits.PAYLOAD_BYTES_MAX);
});

test('a largest value with its headers fits one submission, one segment and the tail without the reserve', () => {
  const record = limits.VALUE_BYTES_MAX + ENTRY_HEADER_BYTES + SUBMISSION_HEADER_BYTES;
  assert.ok(record <= limits.SUBMISSION_BYTES_MAX);
  assert.ok(record <= limits.LOG_SEGMENT_BYTES - limits.LOG_BLOCK_BYTES - limits.ENTRY_RESERVE_BYTES);
});

test('the reserve holds header-only votes for a whole acceptor window (S23)', () => {
  assert.ok(limits.ENTRY_RESERVE_BYTES >= limits.ACCEPTOR_WINDOW_SLOTS * ENTRY_HEADER_BYTES);
});

test('a session index fits the bits that a session id has for it', () => {
  assert.ok(limits.SESSIONS_MAX <= 2 ** SESSION_INDEX_BITS);
});

test('member sets fit the bits of a small integer', () => {
  assert.ok(limits.MEMBERS_MAX < 31);
});

test('one remembered reply of the largest size fits the session', () => {
  assert.ok(limits.SESSION_REPLY_BYTES_MAX >= limits.REPLY_BYTES_MAX);
});

test('a park is shorter than two ticks are long together, so that ticks are not missed in bulk', () => {
  assert.ok(limits.PARK_US_MAX <= 2 * limits.TICK_MS * 1000);
});

test.run();
