/**
 * Every script in `scripts/` tells the same story as when it was written. After a change that is meant, look at
 * `node dist/test/interaction/interaction.test.js --rewrite` and the diff; never rewrite without understanding it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runScript } from './interpreter.ts';

const SCRIPTS = fileURLToPath(new URL('../../../test/interaction/scripts/', import.meta.url));
const isRewrite = process.argv.includes('--rewrite');

const test = suite('interaction');

for (const name of readdirSync(SCRIPTS).sort()) {
  test(name.replace('.txt', '').replaceAll('-', ' '), () => {
    const path = join(SCRIPTS, name);
    const told = readFileSync(path, 'utf8');
    const happens = runScript(told);
    if (isRewrite) writeFileSync(path, happens);
    else assert.fixture(happens, told);
  });
}

test('a script without a group is told so', () => {
  assert.is(runScript('> tick 0'), '> tick 0\n! a script begins with `members N`');
});

test.run();
