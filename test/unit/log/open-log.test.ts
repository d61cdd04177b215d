/** Opening: the new incarnation and its cut are durable before anything else is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
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
  });
  assert.is(second.device.submissions, 0);
  assert.not(second.log.isBusy);
});

test('damage is explained with file, offset and what to do', () => {
  const error = damageError({ position: 20480, segment: '/data/0.seg', offset: 4096, reason: 'gone' });
  assert.is(error.code, 'ERR_SYNOD_LOG_DAMAGED');
  assert.not(error.retryable);
  for (const part of ['/data/0.seg', '4096', '20480', 'gone', 'replace this replica'])
    assert.match(error.message, part);
});

test.run();
