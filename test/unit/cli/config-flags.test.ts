/** Settings are flags, and what the flags said are texts by setting. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_FLAG, configFileOf, settingFlags, textsOf } from '../../../src/cli/config-flags.ts';
import { parseFlags } from '../../../src/cli/flags.ts';
import { NODE_SETTINGS } from '../../../src/config/validate.ts';

const test = suite('cli/config-flags');

const FLAGS = [CONFIG_FLAG, ...settingFlags(NODE_SETTINGS)];

test('every setting that a text can say is a flag', () => {
  assert.is(FLAGS.length, NODE_SETTINGS.filter(({ parse }) => parse !== undefined).length + 1);
});

test('flags give texts by the name of the setting; a switch needs none', () => {
  const values = parseFlags(FLAGS, ['--window-slots', '8', '--tls-ca=ca.pem', '--bootstrap', '--insecure=false']);
  assert.equal(textsOf(NODE_SETTINGS, values), {
    windowSlots: '8',
    'tls.ca': 'ca.pem',
    bootstrap: 'true',
    insecure: 'false',
  });
});

test('the file is named by the flag, or else by the environment', () => {
  assert.is(configFileOf(parseFlags(FLAGS, ['--config', 'a']), { SYNOD_CONFIG: 'b' }), 'a');
  assert.is(configFileOf(parseFlags(FLAGS, []), { SYNOD_CONFIG: 'b' }), 'b');
  assert.is(configFileOf(parseFlags(FLAGS, []), { SYNOD_CONFIG: '' }), undefined);
});

test.run();
