/** An action of the outbox as a log record. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_FIELDS } from '../../../src/log/log.ts';
import * as O from '../../../src/paxos/outbox.ts';
import { writeRecordFields } from '../../../src/runtime/group-driver-records.ts';

const test = suite('runtime/group-driver-records');

test("every field of the record is the action's, at its own place", () => {
  const words = new Float64Array(2 * O.ACTION_FIELDS);
  const at = O.ACTION_FIELDS;
  words[at + O.A_BALLOT] = 2 ** 40;
  words[at + O.A_SLOT] = 2 ** 41;
  words[at + O.A_SEQUENCE] = 3;
  words[at + O.A_COMMIT] = 4;
  words[at + O.A_VALUE_LENGTH] = 5;
  words[at + O.A_VALUE_CRC] = -6;
  const header = new Float64Array(HEADER_FIELDS);
  writeRecordFields(header, words, at, 1, 8, 9);
  assert.equal([...header], [1, 8, 9, 2 ** 40, 2 ** 41, 3, 4, 5, -6]);
});

test.run();
