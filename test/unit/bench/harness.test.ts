import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULTS } from '../../../bench/flags.ts';
import { runCase, type Subject, windowed } from '../../../bench/harness.ts';
import { describeMachine } from '../../../bench/machine.ts';
import { Histogram } from '../../../src/base/histogram.ts';

const directory = mkdtempSync(join(tmpdir(), 'synod-bench-test-'));
const settings = { ...DEFAULTS, seconds: 0.02, directory };
const machine = { ...describeMachine(), cpus: 2 };

const test = suite('bench harness');
test.after(() => rmSync(directory, { recursive: true, force: true }));

const run = (subject: Subject) =>
  runCase(
    windowed('unit', 'case', () => subject),
    settings,
    machine,
  );

test('a sync case is measured in whole windows', async () => {
  let windows = 0;
  const latency = new Histogram();
  const row = await run({
    operation: 'things',
    latency,
    window() {
      windows++;
      latency.record(windows === 1 ? 1000 : 7);
      return 10;
    },
    hash: () => windows,
    figures: (operations, seconds) => ({ isWhole: operations % 10 === 0, isTimed: seconds > 0 }),
  });
  assert.is(row.ok, true, String(row['error']));
  assert.ok((row.opsPerSecond as number) > 0);
  assert.is(row['resultHash'], '00000001', 'the hash is that of the first window');
  assert.is(row['isWhole'], true);
  assert.is(row['isTimed'], true);
  assert.is(row.latencyUs?.max, 7, 'what came before the measured windows is forgotten');
  assert.type(row.allocatedBytesPerCommand?.coordinator, 'number');
});

test('an async case is awaited, and closed', async () => {
  let running = 0;
  let isClosed = false;
  const row = await run({
    operation: 'things',
    isAsync: true,
    async window() {
      assert.is(++running, 1, 'one window at a time');
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return 1;
    },
    close() {
      isClosed = true;
    },
  });
  assert.is(row.ok, true, String(row['error']));
  assert.is(isClosed, true);
});

test('a case that throws fails with its message, and is closed', async () => {
  let windows = 0;
  let isClosed = false;
  const row = await run({
    operation: 'things',
    window() {
      if (++windows > 1) throw new Error('broken window');
      return 1;
    },
    close() {
      isClosed = true;
    },
  });
  assert.is(row.ok, false);
  assert.is(row['error'], 'broken window');
  assert.is(isClosed, true);
});

test('scratch directories are empty at first and gone afterwards', async () => {
  const seen: string[] = [];
  const row = await runCase(
    {
      suite: 'unit',
      name: 'scratch',
      async run({ scratch }) {
        seen.push(scratch(), scratch());
        for (const path of seen) writeFileSync(join(path, 'file'), 'x');
        return {};
      },
    },
    settings,
    machine,
  );
  assert.is(row.ok, true);
  assert.is(new Set(seen).size, 2);
  assert.not.ok(seen.some((path) => existsSync(path)));
});

test.run();
