/** The log of a worker: which one it gets, and what a successor finds in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ENTRY_CHUNKS, LOG_SEGMENT_BYTES } from '../../../src/limits.ts';
import { FsDevice } from '../../../src/log/fs-device.ts';
import type { LogDevice, RecoveredRecord } from '../../../src/log/log.ts';
import { MemoryDevice } from '../../../src/log/memory-device.ts';
import { VOLATILE_CONTROL_BYTES } from '../../../src/log/volatile-log.ts';
import { openWorkerLog, type WorkerLog } from '../../../src/runtime/worker-log.ts';
import { softwareChecksum } from '../../../src/wire/crc32c.ts';
import { hasCode } from '../../support/device-suite.ts';
import { appendPromise, appendVote } from '../../support/log-fixture.ts';

/** The group that log-fixture appends for. */
const GROUP = 5;

interface Place {
  directory: string;
  chunks: SharedArrayBuffer[];
  volatileControl: SharedArrayBuffer;
}

const test = suite<{ place: Place }>('runtime/worker-log');

test.before.each((context) => {
  context.place = {
    directory: mkdtempSync(join(tmpdir(), 'synod-worker-log-')),
    chunks: Array.from({ length: ENTRY_CHUNKS }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES)),
    volatileControl: new SharedArrayBuffer(VOLATILE_CONTROL_BYTES),
  };
});
test.after.each(({ place }) => rmSync(place.directory, { recursive: true }));

/** Opens the log as a worker does; every life of it has a device of its own. */
function open(place: Place, device: LogDevice, groups = [GROUP], nodeId = 1) {
  const records: RecoveredRecord[] = [];
  const opened = openWorkerLog(
    {
      ...place,
      device,
      checksum: softwareChecksum,
      clusterId: 7,
      nodeId,
      logNumber: 0,
      groupIds: new Set(groups),
      mayRejoin: false,
      isForgotten: false,
    },
    { onRecord: (record) => records.push({ ...record }), onForgotten: () => {} },
  );
  return { ...opened, records };
}

function append({ log }: WorkerLog): void {
  appendVote(log, 0, 'first');
  appendPromise(log, 1);
  appendVote(log, 2, 'third');
  log.submit(true);
  log.poll();
}

const devices: Record<string, (place: Place) => LogDevice> = {
  memory: () => new MemoryDevice(),
  fs: ({ directory, chunks }) => new FsDevice(directory, chunks, true),
};

for (const [name, make] of Object.entries(devices)) {
  test(`${name}: the first life finds nothing, the second what the first one appended, in order`, ({ place }) => {
    const first = open(place, make(place));
    assert.equal([first.recoveredRecords, first.records], [0, []]);
    append(first);
    first.log.device.close();
    const second = open(place, make(place));
    assert.equal(
      second.records.map(({ slot }) => slot),
      [0, 1, 2],
    );
    assert.is(second.recoveredRecords, 3);
    assert.ok(second.recoveredBytes > 0);
    second.log.device.close();
  });

  test(`${name}: what a successor appends stands behind what it found`, ({ place }) => {
    const first = open(place, make(place));
    append(first);
    first.log.device.close();
    const second = open(place, make(place));
    const before = second.records.at(-1)!.position;
    assert.ok(appendVote(second.log, 3, 'fourth') > before);
    second.log.submit(true);
    second.log.device.close();
    const third = open(place, make(place));
    assert.equal(
      third.records.map(({ slot }) => slot),
      [0, 1, 2, 3],
    );
    third.log.device.close();
  });

  test(`${name}: records of a group that is not hosted are never left out silently`, ({ place }) => {
    const first = open(place, make(place));
    append(first);
    first.log.device.close();
    const device = make(place);
    assert.throws(() => open(place, device, [GROUP + 1]), hasCode('ERR_SYNOD_DIRECTORY_MISMATCH'));
    device.close();
  });
}

test('fs: the log of another node is refused', ({ place }) => {
  const first = open(place, devices['fs']!(place));
  append(first);
  first.log.device.close();
  const device = devices['fs']!(place);
  assert.throws(() => open(place, device, [GROUP], 2), hasCode('ERR_SYNOD_DIRECTORY_MISMATCH'));
  device.close();
});

test('only the memory device is volatile', ({ place }) => {
  const durable = open(place, devices['fs']!(place));
  append(durable);
  assert.is(new Float64Array(place.volatileControl)[0], 0);
  durable.log.device.close();
});

test.run();
