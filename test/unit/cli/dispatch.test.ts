/** Words find their command, or an error that says which was meant. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CommandTable, commandsHelp, dispatch } from '../../../src/cli/dispatch.ts';
import { FlagError } from '../../../src/cli/flags.ts';

const test = suite('cli/dispatch');

const ran: (readonly string[])[] = [];
const TABLE: CommandTable = {
  status: {
    summary: 'what a node knows',
    load: async () => async (args) => {
      ran.push(args);
      return 7;
    },
  },
};

test('a command gets the words behind its name, and its exit code counts', async () => {
  assert.is(await dispatch('synod', TABLE, ['status', '--json', 'x']), 7);
  assert.is(await dispatch('synod', TABLE, ['help', 'status']), 7);
  assert.equal(ran, [['--json', 'x'], ['--help']]);
});

test('an unknown command is refused with the one that was meant', async () => {
  for (const [word, hint] of [
    ['statsu', 'did you mean status?'],
    ['colour', 'allowed are status'],
    ['toString', 'allowed are status'],
    ['__proto__', 'allowed are status'],
  ] as const) {
    await dispatch('synod', TABLE, [word]).then(
      () => assert.unreachable(),
      (error: FlagError) => {
        assert.instance(error, FlagError);
        assert.is(error.message, `${word}: unknown command; ${hint}`);
      },
    );
  }
});

test('the help names every command with its summary', () => {
  assert.match(commandsHelp('synod', TABLE), /^ {2}synod status {2}what a node knows\n\nsynod <command> --help/);
});

test.run();
