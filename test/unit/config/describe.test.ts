/** The README's table and the help show every setting. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { settingHelp, settingsTable } from '../../../src/config/describe.ts';
import { SETTINGS, type Setting } from '../../../src/config/settings.ts';

const test = suite('config/describe');

test('the table has one row of five cells per setting', () => {
  const rows = settingsTable().split('\n');
  assert.is(rows.length, SETTINGS.length + 2);
  for (const row of rows) assert.is(row.split(' | ').length, 5, row);
  assert.ok(rows.some((row) => row.startsWith('| `windowSlots` | `256` | a whole number, 1 to 256 |  | ')));
  assert.ok(rows.some((row) => row.startsWith('| `id` |  | ') && row.includes('| node |')));
});

test('the help of a setting says flag, variable, meaning, range and default', () => {
  const setting = SETTINGS.find(({ name }) => name === 'windowSlots') as Setting;
  const help = settingHelp(setting);
  for (const part of ['--window-slots', 'SYNOD_WINDOW_SLOTS', setting.doc, setting.allowed, 'default 256']) {
    assert.ok(help.includes(part), part);
  }
});

test.run();
