/** Opening: the new incarnation and its cut are durable before anything else is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { damageError } from '../../../src/log/open-log.ts';
import { readSegmentHeader } from '../../../src/log/record-header.ts';
import { appendDurably, IDENTITY, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite('log/open-log');

test('the header of a new incarnation carries identity, cut, and higher numbers', () => {
  const first = open(new TestMedium());
  appendDurably(first, 1, 'a');
  const cut = first.log.durablePosition;
  const second = open(first.medium);
  const header = readSegmentHeader(
    new Int32Array((second.medium.segments.get(LOG_SEGMENT_BYTES) as Uint8Array).buffer),
  );
  assert.equal(header, {
    ...IDENTITY,
    version: 1,
    generation: 2,
    incarnation: 2,
    base: LOG_SEGMENT_BYTES,
    cut,
    isForgotten: false,
  });
  assert.is(second.device.submissions, 0);
  assert.not(second.log.isBusy);
});

test('S12: with others to ask, damage is no end: what lies before it is knowledge, and every later opening says where memory ends', () => {
  const first = open(new TestMedium());
  for (const slot of [0, 1, 2]) appendDurably(first, slot, 'value');
  appendDurably(first, 3, 'newest');
  first.medium.flip((first.records[1]?.position ?? 0) + 2 * LOG_BLOCK_BYTES + 70);
  assert.throws(() => open(first.medium), /ERR_SYNOD_LOG_DAMAGED|damaged/);
  const second = open(first.medium, true);
  const before = second.records.length;
  assert.ok(before < 4);
  assert.equal(second.losses, [before]);
  appendDurably(second, 7, 'learned');
  for (let life = 0; life < 2; life++) {
    const next = open(first.medium);
    assert.equal(next.losses, [before], 'the loss is told again at the same place');
    assert.equal(
      next.records.map(({ slot }) => slot),
      [...second.records.map(({ slot }) => slot), 7],
    );
  }
});

test('S12: a medium that is known to be lost is forgotten from its start', () => {
  const { medium } = open(new TestMedium(), true, true);
  assert.equal(open(medium).losses, [0]);
});

test('damage is explained with file, offset and what to do', () => {
  const error = damageError({
    position: 20480,
    segment: '/data/0.seg',
    offset: 4096,
    reason: 'gone',
    behind: { group: 3, slot: 77 },
  });
  assert.is(error.code, 'ERR_SYNOD_LOG_DAMAGED');
  assert.not(error.retryable);
  for (const part of ['/data/0.seg', '4096', '20480', 'gone', 'replace this replica', 'slot 77 of shard 3'])
    assert.match(error.message, part);
});

test.run();
