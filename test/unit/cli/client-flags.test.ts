/** Addresses come from the flag, the environment or the default; help has one form. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLIENT_FLAGS, clientOf, commandHelp } from '../../../src/cli/client-flags.ts';
import { FlagError, parseFlags } from '../../../src/cli/flags.ts';

const test = suite('cli/client-flags');

test('a deadline is a flag with a default', () => {
  assert.is(clientOf(parseFlags(CLIENT_FLAGS, []), {}).timeoutMs, 10_000);
  assert.is(clientOf(parseFlags(CLIENT_FLAGS, ['--timeout', '5']), {}).timeoutMs, 5);
});

test('what is no address of http or https is refused, wherever it came from', () => {
  for (const url of ['127.0.0.1:7200', 'ftp://h', 'http://', 'http://a,b']) {
    assert.throws(
      () => clientOf(parseFlags(CLIENT_FLAGS, ['--url', url]), {}),
      (error: unknown) => error instanceof FlagError,
    );
    assert.throws(() => clientOf(parseFlags(CLIENT_FLAGS, []), { SYNOD_URL: url }), /^--url: /);
  }
  clientOf(parseFlags(CLIENT_FLAGS, ['--url', 'http://a:1, https://b:2']), {});
  clientOf(parseFlags(CLIENT_FLAGS, []), { SYNOD_URL: '' });
});

test('help tells usage, meaning, flags and exit codes', () => {
  const help = commandHelp({
    usage: 'synod x',
    summary: 'Does x.',
    details: ['Twice.'],
    flags: CLIENT_FLAGS,
    exits: [0, 4],
  });
  for (const part of [
    'synod x\n',
    'Does x.',
    'Twice.',
    '--url',
    '  0  done',
    '  4  sent, but the outcome is unknown',
  ]) {
    assert.ok(help.includes(part), part);
  }
});

test.run();
