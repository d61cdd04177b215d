/** A few hundred power cuts in every run, each rule exercised; `npm run powercuts` does ten thousand. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { DirectoryRig, RuleCounts } from './directory-rig.ts';

const SEEDS = 10;
const CUTS = 60;

const test = suite('power cuts');

test('after any power cut everything that was answered for is known, nothing is invented, and every rule mattered', () => {
  const counts = new RuleCounts();
  const first = Math.floor(Math.random() * 2 ** 31);
  for (let seed = first; seed < first + SEEDS; seed++) {
    const rig = new DirectoryRig(new Prng(seed), counts);
    rig.run(CUTS);
    assert.is(rig.violation, '', `npm run powercuts -- --cuts ${CUTS} --seed ${seed}`);
    assert.is(rig.cuts, CUTS);
  }
  for (const [rule, count] of Object.entries(counts)) assert.ok(count > 0, `${rule} never mattered`);
});

test.run();
