/** What stands in a log is told as recovery would take it, and nothing is changed by telling. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { type DumpedRecord, findLogs, inspectLog } from '../../../src/log/log-inspection.ts';
import { segmentFileName } from '../../../src/log/segment.ts';
import { appendDurably, appendPromise, IDENTITY, open } from '../../support/log-fixture.ts';
import { TestMedium } from '../../support/test-device.ts';

const test = suite<{ directory: string }>('log/log-inspection');

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'synod-inspection-'));
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

function save(medium: TestMedium, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [base, bytes] of medium.segments) writeFileSync(join(directory, segmentFileName(base)), bytes);
}

/** Two incarnations: a promise and three votes, then one vote. */
function twoLives(): TestMedium {
  const first = open(new TestMedium());
  appendPromise(first.log, 1);
  for (const slot of [4, 5, 6]) appendDurably(first, slot, 'value');
  const second = open(first.medium);
  appendDurably(second, 7, 'more');
  return first.medium;
}

test('segments, records by kind, the end, and what each group would know', ({ directory }) => {
  save(twoLives(), directory);
  const log = inspectLog(directory);
  assert.equal(log.identity, IDENTITY);
  assert.equal([log.incarnation, log.records, log.kinds], [2, 5, { promise: 1, vote: 4 }]);
  assert.equal(
    log.segments.map(({ file, base, hasHeader, generation, incarnation, isForgotten }) => [
      file,
      base,
      hasHeader,
      generation,
      incarnation,
      isForgotten,
    ]),
    [0, 1].map((segment) => {
      const base = segment * LOG_SEGMENT_BYTES;
      return [join(directory, segmentFileName(base)), base, true, segment + 1, segment + 1, false];
    }),
  );
  assert.equal(log.groups, [
    {
      group: 5,
      records: 5,
      promisedBallot: `${2 ** 20}.1`,
      commitWatermark: 7,
      truncationPoint: 0,
      firstSlot: 4,
      lastSlot: 7,
      isRejoining: false,
    },
  ]);
  assert.is(log.endPosition, LOG_SEGMENT_BYTES + 2 * LOG_BLOCK_BYTES);
  assert.equal([log.tornTail, log.damage], [false, undefined]);
});

test('a torn tail is told, and is no damage', ({ directory }) => {
  const fixture = open(new TestMedium());
  appendDurably(fixture, 1, 'value');
  appendPromise(fixture.log, 2);
  fixture.log.submit(false);
  fixture.device.tear(0, (sector) => sector > 0);
  fixture.medium.write(2 * LOG_BLOCK_BYTES, Uint8Array.of(1, 2, 3, 4));
  save(fixture.medium, directory);
  const { tornTail, damage, records } = inspectLog(directory);
  assert.equal([tornTail, damage, records], [true, undefined, 1]);
});

test('damage has file, offset and the slot before it; forgotten groups are told', ({ directory }) => {
  const { medium } = open(new TestMedium());
  const fixture = open(medium);
  for (const slot of [1, 2, 3]) appendDurably(fixture, slot, 'value');
  medium.flip(LOG_SEGMENT_BYTES + 2 * LOG_BLOCK_BYTES + 20);
  save(medium, directory);
  const { damage, records } = inspectLog(directory);
  assert.is(damage?.segment, join(directory, segmentFileName(LOG_SEGMENT_BYTES)));
  assert.equal([damage?.offset, damage?.behind, records], [2 * LOG_BLOCK_BYTES, { group: 5, slot: 1 }, 1]);
  open(medium, true);
  save(medium, directory);
  const after = inspectLog(directory);
  assert.is(after.damage, undefined);
  assert.ok(after.segments.at(-1)?.isForgotten);
  assert.ok(after.groups[0]?.isRejoining);
});

test('a dump shows every record in order', ({ directory }) => {
  save(twoLives(), directory);
  const records: DumpedRecord[] = [];
  inspectLog(directory, (record) => records.push(record));
  assert.equal(
    records.map(({ kind, slot, valueBytes }) => `${kind} ${slot} ${valueBytes}`),
    ['promise 1 0', 'vote 4 5', 'vote 5 5', 'vote 6 5', 'vote 7 4'],
  );
  const last = records.at(-1) as DumpedRecord;
  assert.equal(
    [last.file, last.position - last.offset],
    [join(directory, segmentFileName(LOG_SEGMENT_BYTES)), LOG_SEGMENT_BYTES],
  );
});

test('an empty log, and one whose only header is rotten, are told as they are', ({ directory }) => {
  const { medium } = open(new TestMedium());
  medium.flip(10);
  save(medium, directory);
  const { identity, segments, records } = inspectLog(directory);
  assert.equal([identity, segments[0]?.hasHeader, records], [undefined, false, 0]);
});

test('logs are found in the directory of a log, a replica, a node and a cluster; nowhere else', ({ directory }) => {
  const medium = twoLives();
  const logs = ['replica-0/log-0', 'replica-0/log-1', 'replica-10/log-0', 'replica-2/log-0'].map((name) =>
    join(directory, name),
  );
  for (const log of logs) save(medium, log);
  assert.equal(findLogs(logs[0] as string), [logs[0]]);
  assert.equal(findLogs(join(directory, 'replica-0')), logs.slice(0, 2));
  assert.equal(findLogs(directory), [logs[0], logs[1], logs[3], logs[2]], 'by number');
  mkdirSync(join(directory, 'other'));
  for (const name of ['other', 'none'])
    assert.throws(
      () => findLogs(join(directory, name)),
      (error: { code: string }) => error.code === 'ERR_SYNOD_DIRECTORY',
    );
});

test('reading changes nothing', ({ directory }) => {
  save(twoLives(), directory);
  const look = (): string =>
    readdirSync(directory)
      .map((name) => {
        const { mtimeMs, ctimeMs, size } = statSync(join(directory, name));
        return `${name} ${mtimeMs} ${ctimeMs} ${size} ${readFileSync(join(directory, name)).toString('base64')}`;
      })
      .join('\n');
  const before = look();
  inspectLog(directory, () => {});
  findLogs(directory);
  assert.is(look(), before);
});

test.run();
