/** The commands about snapshots are found. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli } from '../../support/run-cli.ts';

const test = suite('cli/snapshot');

test('what there is is listed, and a misspelt one recognized', async () => {
  assert.match((await runCli(['snapshot', '--help'])).stdout, /synod snapshot take/);
  const { code, stderr } = await runCli(['snapshot', 'tak']);
  assert.is(code, 2);
  assert.is(stderr, 'synod: tak: unknown command; did you mean take?\n');
});

test.run();
