/** The report's layout. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeReport, REPORT_QUERY, reportQuery } from '../../../src/machines/audit-report.ts';

const test = suite('machines/audit-report');

test('decodes counts and numbers beyond 32 bits', () => {
  const words = Int32Array.of(1, 3, 42, 0, -1, 1, 5, 2, -77, 0);
  assert.equal(decodeReport(new Uint8Array(words.buffer)), {
    outOfOrder: 3,
    clients: [{ client: 42, count: 2 ** 33 - 1, lastNumber: 2 ** 33 + 5, digest: -77 }],
  });
});

test('the query begins with its own byte', () => assert.is(reportQuery()[0], REPORT_QUERY));

test.run();
