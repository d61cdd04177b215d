/** A few kills in every run; `npm run kill9` does hundreds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { killAgainAndAgain } from './kill9.ts';

const KILLS = 5;

const test = suite('integration/kill9');

test('kill -9 under load, again and again, loses nothing that was acknowledged and applies nothing twice', async () => {
  const home = mkdtempSync(join(tmpdir(), 'synod-kill9-'));
  try {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const report = await killAgainAndAgain({
      directory: join(home, 'data'),
      kills: KILLS,
      seed,
      durability: 'auto',
      snapshotLogBytes: 1 << 25,
    });
    assert.equal(report.violations, [], `npm run kill9 -- --kills ${KILLS} --seed ${seed}`);
    assert.is(report.kills, KILLS);
    assert.ok(report.acknowledged > 0, 'something was acknowledged');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test.run();
