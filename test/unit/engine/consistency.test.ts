/** Names of consistencies. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { laneKindOf } from '../../../src/engine/consistency.ts';
import { LANE_READS, LANE_READS_LEASE, LANE_READS_SESSION, LANE_READS_STALE } from '../../../src/memory/descriptor.ts';

const test = suite('engine/consistency');

test('every consistency has a lane of its own, and reads are linearizable where nothing is said', () => {
  assert.equal(
    ['linearizable', 'lease', 'session', 'stale'].map((name) => laneKindOf(name)),
    [LANE_READS, LANE_READS_LEASE, LANE_READS_SESSION, LANE_READS_STALE],
  );
  assert.is(laneKindOf(undefined), LANE_READS);
});

test('any other word is refused with what is allowed', () => {
  for (const word of ['', 'Linearizable', 'eventual', 'toString']) {
    try {
      laneKindOf(word);
      assert.unreachable(word);
    } catch (error) {
      assert.is((error as SynodError).code, 'ERR_SYNOD_CONFIG');
      assert.match((error as SynodError).message, /linearizable, lease, session, stale/);
    }
  }
});

test.run();
