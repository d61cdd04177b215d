import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CommandTable } from '../../../bench/command-table.ts';
import { RawRing } from '../../../bench/raw-ring.ts';
import { createMachine } from '../../../src/machines/kv.ts';

const PAYLOAD = 64;
const KEYS = 40;
const test = suite('bench command table');

function written(table: CommandTable): string {
  const words = new Int32Array(PAYLOAD / 4);
  table.next();
  table.write(words, 0);
  return Buffer.from(words.buffer).toString('hex');
}

test('one round sends two commands per key, all different', () => {
  const table = CommandTable.ofOneShard(KEYS, PAYLOAD, 1);
  const round = Array.from({ length: 2 * KEYS }, () => written(table));
  assert.is(new Set(round).size, KEYS * 2 - KEYS / 4, 'increments of a key are equal, puts and swaps are not');
  assert.equal(
    Array.from({ length: 2 * KEYS }, () => written(table)),
    round,
    'and the next round sends them again',
  );
});

test('one seed, one order', () => {
  const first = (seed: number) => written(CommandTable.ofOneShard(KEYS, PAYLOAD, seed));
  assert.is(first(5), first(5));
  assert.not.equal(
    Array.from({ length: 4 }, (_, seed) => first(seed)).every((text) => text === first(0)),
    true,
  );
});

test('keys are shared out by placement', () => {
  const tables = CommandTable.perShard(KEYS, 2, PAYLOAD, 1, (key) => Number(key.at(-1)) % 2);
  const { keys, commands, queries } = CommandTable.toPromiseCommands(tables);
  assert.is(keys.length, KEYS);
  assert.is(commands.length, KEYS);
  assert.is(queries.length, KEYS);
  assert.ok(commands.every(({ length }) => length === PAYLOAD));
  assert.equal(
    keys.slice(0, 4).map((key) => Number(key.at(-1)) % 2),
    [0, 1, 0, 1],
  );
});

test('swaps carry the revision that was learned: few are refused', () => {
  const keys = 4000;
  const machines = [0, 1, 2].map((replicaIndex) => createMachine({ groupId: 0, replicaIndex }));
  const rings = new RawRing(machines, CommandTable.ofOneShard(keys, PAYLOAD, 1));
  const commands = rings.run(2 * keys);
  assert.ok(rings.refused / commands < 0.05, `${rings.refused} of ${commands} commands were refused`);
});

test.run();
