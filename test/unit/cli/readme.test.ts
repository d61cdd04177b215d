import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES } from '../../../src/base/errors.ts';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { DEMO_SETTINGS } from '../../../src/cli/demo-options.ts';
import { EXIT_CODES } from '../../../src/cli/exit-codes.ts';
import { kebabCase } from '../../../src/cli/flags.ts';
import { settingsTable } from '../../../src/config/describe.ts';
import { ROUTES } from '../../../src/engine/endpoint-routes.ts';

const README = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');

/** First cells of the rows of a section's first table, without the back quotes. */
function firstCells(heading: string): string[] {
  const section = README.slice(README.indexOf(`\n${heading}\n`));
  const table = /\n\| --- .*\n((?:\|.*\n)+)/.exec(section)?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .map((row) => (row.split('|')[1] as string).trim().replaceAll('`', ''));
}

const test = suite('README');

test('every error code is listed, with whether to try again, and no other', () => {
  assert.equal(firstCells('## Errors'), Object.keys(ERROR_CODES));
  for (const [code, { retryable }] of Object.entries(ERROR_CODES)) {
    assert.ok(README.includes(`| \`${code}\` | ${retryable ? 'yes' : 'no'} |`), code);
  }
});

test('the table of options is the table of settings', () => {
  assert.ok(README.includes(`\n${settingsTable()}\n`), `put this into the README:\n${settingsTable()}`);
});

test('every exit code is listed with its meaning, and no other', () => {
  for (const [code, meaning] of Object.entries(EXIT_CODES))
    assert.ok(README.includes(`| \`${code}\` | ${meaning} |\n`), code);
  assert.is(README.match(/^\| `\d+` \|/gm)?.length, Object.keys(EXIT_CODES).length);
});

test('every path of the client endpoint is listed', () => {
  for (const [path, { method }] of ROUTES) assert.ok(README.includes(`| \`${method} ${path}`), path);
});

test('every command is listed', () => {
  for (const name of Object.keys(COMMANDS)) assert.ok(README.includes(`| \`synod ${name}`), name);
});

test('every flag of the demo is listed, and no other', () => {
  const flags = DEMO_SETTINGS.map(({ name }) => `--${kebabCase(name)}`).filter((flag) => flag !== '--help');
  assert.equal(firstCells('### `npm start`'), flags);
});

test.run();
