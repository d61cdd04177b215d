/** The rule about contracts can fail: it is shown what it must find, and what it must leave alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contractViolations } from '../house/contracts.ts';
import { parse } from '../house/source-file.ts';

// Made-up numbers, put together here so that they are no names of this file.
const NUMBER = ['Z', '1'].join('');
const PATH = 'src/paxos/replica.ts';
const ensuring = parse(PATH, `/**\n * ensures  ${NUMBER}: it holds\n */\n`);
const requiring = parse(PATH, `if (CONTRACTS) requires(a,\n '${NUMBER}: it must hold');\n`);
const unit = parse('test/unit/paxos/replica.test.ts', `test('${NUMBER}: holds', () => {});\n`);
const property = parse('test/property/replica.property.test.ts', `test('(${NUMBER}) holds', () => {});\n`);
const longer = parse('test/unit/paxos/other.test.ts', `test('${NUMBER}0: holds', () => {});\n`);

const test = suite('house: contracts');

test('what is ensured needs a unit test and a property, what is required a unit test', () => {
  assert.is(contractViolations([ensuring], []).length, 2);
  assert.is(contractViolations([ensuring], [unit]).length, 1);
  assert.is(contractViolations([ensuring], [property]).length, 1);
  assert.equal(contractViolations([ensuring], [unit, property]), []);
  assert.is(contractViolations([requiring], [property]).length, 1);
  assert.equal(contractViolations([requiring], [unit]), []);
  assert.is(contractViolations([ensuring], [longer, property]).length, 1, 'a longer number is another one');
});

test.run();
