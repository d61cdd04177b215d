import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULTS, FLAGS, FlagError, helpText, parseFlags, SUITES } from '../../../bench/flags.ts';

const test = suite('bench flags');

test('without arguments every suite runs with the defaults', () => {
  assert.equal(parseFlags([]), DEFAULTS);
  assert.equal(parseFlags([]).suites, SUITES);
});

test('suites keep the order in which they were asked for', () => {
  assert.equal(parseFlags(['paxos', '--json', 'ring']).suites, ['paxos', 'ring']);
});

test('a value follows its flag or an equals sign', () => {
  assert.is(parseFlags(['--seconds', '0.5']).seconds, 0.5);
  assert.is(parseFlags(['--seconds=0.5']).seconds, 0.5);
  assert.equal(parseFlags(['--sweep', '1,2,16']).sweep, [1, 2, 16]);
  assert.is(parseFlags(['--workers', 'per-group']).workers, 'per-group');
  assert.is(parseFlags(['--workers=2']).workers, 2);
  assert.is(parseFlags(['--in-flight', '1']).inFlight, 1);
  assert.is(parseFlags(['--flush-bytes', '8192']).flushBytes, 8192);
  assert.is(parseFlags(['--durability', 'fs']).durability, 'fs');
});

test('a smoke run is short, unless told otherwise', () => {
  assert.ok(parseFlags(['--smoke']).seconds < DEFAULTS.seconds);
  assert.is(parseFlags(['--smoke', '--seconds', '9']).seconds, 9);
});

test('a mistake names flag, value and range', () => {
  const mistakes: [string[], RegExp][] = [
    [['--nonsense'], /--nonsense.*--seconds/],
    [['--toString'], /--toString/],
    [['nosuite'], /"nosuite".*ring, paxos/],
    [['--replicas', '2'], /--replicas "2".*odd, 1 to 15/],
    [['--replicas', '17'], /--replicas "17"/],
    [['--payload', '47'], /--payload "47".*48 to 65536/],
    [['--payload', '52'], /--payload "52".*a multiple of 8/],
    [['--payload', '64.5'], /--payload "64.5"/],
    [['--seconds', '-1'], /--seconds "-1"/],
    [['--seconds', '1e9'], /--seconds "1e9"/],
    [['--seconds'], /--seconds "".*0\.01 to 3600/],
    [['--sweep', '1,,2'], /--sweep "1,,2"/],
    [['--durability', 'tape'], /--durability "tape".*direct/],
    [['--flush-bytes', '5000'], /--flush-bytes "5000"/],
    [['--workers', '0'], /--workers "0".*per-group/],
    [['--json=yes'], /--json "yes".*no value/],
    [['--directory', ''], /--directory ""/],
  ];
  for (const [args, expected] of mistakes) {
    assert.throws(
      () => parseFlags(args),
      (error: unknown) => error instanceof FlagError && expected.test(error.message),
      args.join(' '),
    );
  }
});

test('the help names every flag', () => {
  for (const name of Object.keys(FLAGS)) assert.ok(helpText().includes(`--${name}`));
});

test.run();
