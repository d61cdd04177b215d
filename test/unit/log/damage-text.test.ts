/** What an operator is told of damage. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { damageText } from '../../../src/log/damage-text.ts';

const test = suite('log/damage-text');

const DAMAGE = { position: 20480, segment: '/data/0.seg', offset: 4096, reason: 'gone' };

test('damage is told with file, offset, position, the slot before it, and the reason', () => {
  assert.is(
    damageText({ ...DAMAGE, behind: { group: 3, slot: 77 } }),
    '/data/0.seg is damaged at offset 4096 (position 20480), behind slot 77 of shard 3: gone',
  );
  assert.match(damageText({ ...DAMAGE, behind: undefined }), 'before the first record');
});

test.run();
