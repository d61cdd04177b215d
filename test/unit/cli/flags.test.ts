import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  anyText,
  describeFlags,
  FlagError,
  integerIn,
  kebabCase,
  numberIn,
  oddIn,
  oneOf,
  parseCall,
  parseFlags,
} from '../../../src/cli/flags.ts';

const TABLE = [
  { name: 'inFlight', default: 8, ...integerIn(1, 100), doc: 'commands in flight' },
  { name: 'seconds', default: 1, ...numberIn(0.5, 9), doc: 'time' },
  { name: 'device', default: 'auto', ...oneOf(['auto', 'fs']), doc: 'log device' },
  { name: 'replicas', default: 3, ...oddIn(1, 7), doc: 'replicas' },
  { name: 'directory', default: undefined, ...anyText('a path'), doc: 'place' },
  { name: 'json', default: false, allowed: '', doc: 'one line' },
];

const test = suite('flags');

function refusal(...args: string[]): FlagError {
  try {
    parseFlags(TABLE, args);
  } catch (error) {
    if (error instanceof FlagError) return error;
    throw error;
  }
  throw new Error(`accepted: ${args.join(' ')}`);
}

test('without flags every setting has its default', () => {
  assert.equal(parseFlags(TABLE, []), {
    inFlight: 8,
    seconds: 1,
    device: 'auto',
    replicas: 3,
    directory: undefined,
    json: false,
  });
});

test('kebab-case flags set camelCase names, with a space or an equals sign', () => {
  const values = parseFlags(TABLE, ['--in-flight', '12', '--seconds=2.5', '--device', 'fs', '--json', '--directory=d']);
  assert.equal(values, { inFlight: 12, seconds: 2.5, device: 'fs', replicas: 3, directory: 'd', json: true });
  assert.is(kebabCase('otherShardsMaxGapMs'), 'other-shards-max-gap-ms');
});

test('a value out of range is told with flag, value and range', () => {
  const error = refusal('--in-flight', '101');
  assert.is(error.flag, '--in-flight');
  assert.is(error.message, "--in-flight: '101' is out of range; allowed is 1 to 100");
});

test('values that are no numbers are refused', () => {
  for (const text of ['', ' 5', '5x', '0x5', '1e1', '-1', 'NaN', '1.5', 'Infinity']) refusal(`--in-flight=${text}`);
  for (const text of ['0.4', '9.1', '1.', '.9', 'NaN']) refusal(`--seconds=${text}`);
});

test('even counts of replicas are refused', () => {
  assert.match(refusal('--replicas', '4').message, /'4'.*an odd number, 1 to 7/);
  assert.is(parseFlags(TABLE, ['--replicas', '7'])['replicas'], 7);
});

test('a choice outside the list is told with the list', () => {
  assert.match(refusal('--device', 'tape').message, /'tape'.*auto, fs/);
});

test('a missing value, a value for a switch and an empty path are refused', () => {
  assert.match(refusal('--seconds').message, /--seconds: value missing; allowed is 0.5 to 9/);
  assert.match(refusal('--seconds', '--json').message, /'--json' is out of range/);
  assert.match(refusal('--json=yes').message, /--json: takes no value, got 'yes'/);
  refusal('--directory=');
});

test('unknown flags and stray words are told with the known ones', () => {
  assert.match(refusal('--speed', '5').message, /^--speed: unknown flag; allowed are --in-flight --seconds/);
  assert.match(refusal('-x').message, /^-x: unknown flag/);
  assert.match(refusal('fast').message, /^fast: unexpected/);
  assert.is(refusal('--inFlight', '5').message, '--inFlight: unknown flag; did you mean --in-flight?');
});

test('words beside the flags are named, and as many as asked for', () => {
  const { words, values } = parseCall(TABLE, ['a', '--json', '--', '--b'], ['key', 'value?']);
  assert.equal(words, ['a', '--b']);
  assert.is(values['json'], true);
  assert.equal(parseCall(TABLE, ['a'], ['key', 'value?']).words, ['a']);
  assert.throws(() => parseCall(TABLE, [], ['key', 'value?']), /^<key>: is missing; --help tells how$/);
  assert.throws(() => parseCall(TABLE, ['a', 'b'], ['key']), /^b: unexpected beside <key>; allowed are /);
});

test('a flag that may stand alone takes its bare value, or the one behind an equals sign', () => {
  const table = [{ name: 'insecure', default: undefined, ...oneOf(['true', 'false']), bare: 'true', doc: 'open' }];
  assert.is(parseFlags(table, ['--insecure'])['insecure'], 'true');
  assert.is(parseFlags(table, ['--insecure=false'])['insecure'], 'false');
  assert.throws(() => parseFlags(table, ['--insecure=maybe']), /'maybe' is out of range/);
});

test('help names every flag with range and default', () => {
  const help = describeFlags(TABLE);
  assert.match(help, /--in-flight {4}commands in flight \(1 to 100, default 8\)/);
  assert.match(help, /--directory {4}place \(a path\)/);
  assert.match(help, /--json {9}one line$/);
});

test.run();
