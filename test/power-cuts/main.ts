/**
 * `npm run powercuts -- [--cuts N] [--seed N] [--json]`: so many power cuts of directories with several logs, and how often each rule
 * mattered. Exits 1 on a violation or where a rule never did.
 */
import { parseArgs } from 'node:util';
import { Prng } from '../../src/base/prng.ts';
import { DirectoryRig, RuleCounts } from './directory-rig.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 1_000_000_000) },
    json: { type: 'boolean', default: false },
  },
});
/** Cuts of one directory: then another one begins. */
const CUTS_PER_SEED = 100;

const counts = new RuleCounts();
const cutsAsked = Number(values.cuts);
const started = performance.now();
let cuts = 0;
let seed = Number(values.seed);
let violation = '';
for (; cuts < cutsAsked && violation === ''; seed++) {
  const rig = new DirectoryRig(new Prng(seed), counts);
  rig.run(Math.min(CUTS_PER_SEED, cutsAsked - cuts));
  cuts += rig.cuts;
  if (rig.violation !== '')
    violation = `seed ${seed}: ${rig.violation}; npm run powercuts -- --cuts ${rig.cuts} --seed ${seed}`;
}
const seconds = (performance.now() - started) / 1000;
const unexercised = Object.entries(counts).filter(([, count]) => count === 0);
if (values.json) console.log(JSON.stringify({ cuts, seconds, rules: { ...counts }, violation }));
else {
  console.log(`${cuts} power cuts in ${seconds.toFixed(1)} s`);
  for (const [rule, count] of Object.entries(counts)) console.log(`  ${rule.padEnd(4)} ${count}`);
  if (violation !== '') console.log(violation);
}
process.exitCode = violation === '' && unexercised.length === 0 ? 0 : 1;
