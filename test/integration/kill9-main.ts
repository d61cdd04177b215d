/**
 * `npm run kill9 -- [--kills N] [--seed N] [--durability auto|direct|buffered|fs] [--directory PATH]`: kills a cluster's process so many times
 * and says what was acknowledged. Exits 1 on a loss, a duplicate or a damaged log.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Durability } from '../../src/config.ts';
import { killAgainAndAgain } from './kill9.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000_000) },
    durability: { type: 'string', default: 'auto' },
    directory: { type: 'string', default: '.' },
    json: { type: 'boolean', default: false },
  },
});
const SNAPSHOT_LOG_BYTES = 1 << 26;
const TELL_EVERY = 20;

const home = mkdtempSync(join(resolve(values.directory), '.synod-kill9-'));
const report = await killAgainAndAgain({
  directory: join(home, 'data'),
  kills: Number(values.kills),
  seed: Number(values.seed),
  durability: values.durability as Durability,
  snapshotLogBytes: SNAPSHOT_LOG_BYTES,
  onKill: ({ kills, acknowledged }) => {
    if (!values.json && kills % TELL_EVERY === 0) console.log(`${kills} kills, ${acknowledged} commands acknowledged`);
  },
});
if (values.json) console.log(JSON.stringify({ seed: Number(values.seed), durability: values.durability, ...report }));
else {
  const { kills, killedAtStart, acknowledged, unseen, violations } = report;
  console.log(
    `${kills} kills (${killedAtStart} while starting), ${acknowledged} commands acknowledged, ${unseen} applied that nobody was told of`,
  );
  console.log(violations.length === 0 ? 'nothing lost, nothing twice' : violations.join('\n'));
}
if (report.violations.length === 0) rmSync(home, { recursive: true });
else console.error(`kept: ${home}`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
