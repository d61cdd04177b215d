/** The addon's log: what counts as durable, and in which order; what a failure leaves; who may hold a directory. */
import { readdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../src/base/errors.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, SUBMISSIONS_IN_FLIGHT_MAX } from '../../src/limits.ts';
import { NativeDevice } from '../../src/log/native-device.ts';
import { segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import {
  DOORBELL_ASLEEP,
  DOORBELL_AWAKE,
  WORKER_DOORBELL_WORD,
  WORKER_LOG_ERROR_WORD,
} from '../../src/memory/descriptor.ts';
import { type DoubleBinding, loadDouble } from './double.ts';
import { LogBench, nativeVariants, SPARES, type Variant } from './log-bench.ts';

const { EIO, ENOENT, ENOSPC } = constants.errno;
const ALL = SUBMISSIONS_IN_FLIGHT_MAX;
const hasCode = (code: string) => (error: unknown) => error instanceof SynodError && error.code === code;

type LogSuite = ReturnType<typeof suite<{ log: LogBench }>>;

function testLog(binding: DoubleBinding, variant: Variant): void {
  const test = suite<{ log: LogBench }>(`native/log ${variant.label}`);
  test.before.each((context) => {
    context.log = new LogBench(binding, variant);
  });
  test.after.each(({ log }) => log.end());
  if (variant.mode !== 'dax') testOrder(test, variant);
  testBells(test);
  testFailures(test);
  testRecycling(test);
  testOwnership(test, binding, variant);
  test.run();
}

function testOrder(test: LogSuite, { mode, uring }: Variant): void {
  const call = writeCall({ mode, uring });
  test('only the contiguous prefix counts as durable', ({ log }) => {
    log.medium.mediumHold(1);
    log.submit(1);
    log.waitHeld(1);
    for (let n = 2; n <= ALL; n++) assert.ok(log.submit(n));
    log.waitUntil(() => log.blockInFile(ALL) === ALL);
    assert.is(log.device.durableCount(), 0);
    log.medium.mediumLetGo();
    log.waitDurable(ALL);
  });

  test('refuses the submission after 16 in flight, and takes it once the first is durable', ({ log }) => {
    log.medium.mediumHold(1);
    log.submit(1);
    log.waitHeld(1);
    for (let n = 2; n <= ALL; n++) assert.ok(log.submit(n));
    assert.not(log.submit(ALL + 1));
    log.medium.mediumLetGo();
    log.waitDurable(ALL);
    assert.ok(log.submit(ALL + 1));
    log.waitDurable(ALL + 1);
    for (let n = 1; n <= ALL + 1; n++) assert.is(log.blockInFile(n), n);
  });

  test('a lone submission is durable when the call returns', ({ log }) => {
    log.submit(1, true);
    assert.is(log.device.durableCount(), 1);
    assert.is(log.blockInFile(1), 1);
  });

  test('a submission written by its caller does not overtake one in flight', ({ log }) => {
    log.medium.mediumHold(1);
    log.submit(1);
    log.waitHeld(1);
    log.submit(2, true);
    assert.is(log.device.durableCount(), 0);
    log.medium.mediumLetGo();
    log.waitDurable(2);
  });

  test('the first failure latches: nothing is durable after it, and no later segment opens', ({ log }) => {
    log.submit(1);
    log.waitDurable(1);
    log.medium.mediumFail(call, 1, EIO);
    assert.ok(log.submit(2));
    log.waitUntil(() => log.device.error() === EIO);
    assert.not(log.submit(3));
    assert.not(log.submit(3, true));
    assert.is(log.device.durableCount(), 1);
    const openNext = () => log.device.openSegment(LOG_SEGMENT_BYTES, new Uint8Array(LOG_BLOCK_BYTES));
    assert.throws(openNext, hasCode('ERR_SYNOD_LOG_FAILED'));
    const target = new Uint8Array(8);
    log.device.read(LOG_BLOCK_BYTES, target, 0, 8);
    assert.equal([...target], [1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test('a write that ended well after another one failed never counts', ({ log }) => {
    log.medium.mediumHold(1);
    log.submit(1);
    log.waitHeld(1);
    log.medium.mediumFail(call, 1, EIO);
    log.submit(2);
    log.waitUntil(() => log.device.error() === EIO);
    log.medium.mediumLetGo();
    log.device.close();
    assert.is(log.device.durableCount(), 0);
  });
}

function testBells(test: LogSuite): void {
  test('a sleeper is rung when the durable count moves', ({ log }) => {
    const words = new Int32Array(log.block);
    Atomics.store(words, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP);
    log.submit(1, true);
    assert.is(Atomics.load(words, WORKER_DOORBELL_WORD), DOORBELL_AWAKE);
  });

  test('a sleeper is rung when the log fails', ({ log }) => {
    const words = new Int32Array(log.block);
    Atomics.store(words, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP);
    log.device.submit(0, LOG_BLOCK_BYTES, LOG_BLOCK_BYTES, 5, true); // was never opened
    assert.is(Atomics.load(words, WORKER_LOG_ERROR_WORD), ENOENT);
    assert.is(Atomics.load(words, WORKER_DOORBELL_WORD), DOORBELL_AWAKE);
  });

  test('a sleeper is rung when a segment that was asked for is open', ({ log }) => {
    const words = new Int32Array(log.block);
    const header = new Uint8Array(LOG_BLOCK_BYTES);
    assert.not(log.device.openAhead(LOG_SEGMENT_BYTES, header), 'the caller does not wait');
    Atomics.store(words, WORKER_DOORBELL_WORD, DOORBELL_ASLEEP);
    log.waitUntil(() => log.device.openAhead(LOG_SEGMENT_BYTES, header));
    assert.is(log.blockInFile(0, LOG_SEGMENT_BYTES), 0);
  });
}

/** What writes a submission that is not the caller's own. */
function writeCall({ mode, uring }: Pick<Variant, 'mode' | 'uring'>): string {
  return mode === 'direct' && uring === 'fake' ? 'uring_write:seg' : 'pwrite:seg';
}

function testFailures(test: LogSuite): void {
  test('a segment that cannot be opened latches', ({ log }) => {
    rmSync(log.directory, { recursive: true });
    const openNext = () => log.device.openSegment(LOG_SEGMENT_BYTES, new Uint8Array(LOG_BLOCK_BYTES));
    assert.throws(openNext, hasCode('ERR_SYNOD_LOG_FAILED'));
    assert.is(log.device.error(), ENOENT);
    assert.not(log.submit(1));
  });
}

function testRecycling(test: LogSuite): void {
  test('a retired segment has left durably before its file gets another name', ({ log }) => {
    const header = new Uint8Array(LOG_BLOCK_BYTES);
    const open = (segment: number) => log.waitUntil(() => log.device.openAhead(segment * LOG_SEGMENT_BYTES, header));
    const isPrepared = () => log.medium.mediumCalls()['open:spare'] === SPARES.length;
    log.waitUntil(isPrepared);
    log.medium.mediumFail('open:fill', 1, ENOSPC); // nothing else is at hand afterwards
    open(1);
    log.medium.mediumRecord();
    log.device.retireSegment(0);
    log.waitUntil(() => readdirSync(log.directory).some((name) => name.startsWith('spare-0')));
    open(2);
    const directory = basename(log.directory);
    const names = log.medium
      .mediumTrace()
      .filter(({ kind, file }) => kind === 'rename' || (kind === 'sync' && file === directory));
    const leaves = names.findIndex(({ file }) => file === segmentFileName(0));
    const comesBack = names.findIndex(({ other }) => other === segmentFileName(2 * LOG_SEGMENT_BYTES));
    assert.ok(leaves >= 0 && names[comesBack]?.file === names[leaves]?.other, 'the same file');
    assert.is(names[leaves + 1]?.kind, 'sync');
    assert.ok(comesBack > leaves + 1);
  });
}

function testOwnership(test: LogSuite, binding: DoubleBinding, { mode }: Variant): void {
  test('close makes everything in flight durable first, and may be called again', ({ log }) => {
    for (let n = 1; n <= ALL; n++) log.submit(n);
    log.device.close();
    assert.is(log.device.durableCount(), ALL);
    for (let n = 1; n <= ALL; n++) assert.is(log.blockInFile(n), n);
    log.device.close();
    assert.not(log.submit(ALL + 1));
  });

  test('a directory is open once in a process; closing it by name sets it free', ({ log }) => {
    const again = () => new NativeDevice(binding, log.directory, mode, true, [log.chunk], log.block);
    assert.throws(again, hasCode('ERR_SYNOD_DIRECTORY_LOCKED'));
    binding.logCloseDirectory(log.directory);
    const second = again();
    second.close();
  });

  test('what waits together keeps its place: behind a gap, in the next segment', ({ log }) => {
    log.device.openSegment(LOG_SEGMENT_BYTES, new Uint8Array(LOG_BLOCK_BYTES));
    for (const n of [1, 2, 3, 5, 6]) log.submit(n);
    const offset = 7 * LOG_BLOCK_BYTES;
    new Uint8Array(log.chunk, offset, LOG_BLOCK_BYTES).fill(7);
    log.device.submit(0, offset, LOG_BLOCK_BYTES, 1, false);
    log.waitDurable(6);
    const blocks = Array.from({ length: 8 }, (_, n) => log.blockInFile(n));
    assert.equal(blocks.slice(1), [1, 2, 3, 0, 5, 6, 0]);
    assert.is(log.blockInFile(7, LOG_SEGMENT_BYTES), 7);
  });

  test('refuses what does not begin at a block, or leaves its segment', ({ log }) => {
    const refused = hasCode('ERR_SYNOD_INVARIANT');
    const block = LOG_BLOCK_BYTES;
    assert.throws(() => log.device.submit(0, block, block, -1, false), refused, 'no such segment');
    assert.throws(() => log.device.submit(0, block + 512, block, 0, false), refused);
    assert.throws(() => log.device.submit(1, block, block, 0, false), refused, 'no such chunk');
    const last = LOG_SEGMENT_BYTES - block;
    assert.throws(() => log.device.submit(0, last, 2 * block, 0, false), refused, 'past the segment');
  });

  if (mode === 'direct') {
    test('direct writes refuse memory that does not begin at a page', ({ log }) => {
      log.device.close();
      const id = binding.attach(new Uint8Array(alignedMemory(LOG_SEGMENT_BYTES + LOG_BLOCK_BYTES), 64));
      const handle = binding.logOpen(log.directory, mode, false);
      assert.ok(binding.logAttach(handle, 0, id) < 0);
      binding.logClose(handle);
      binding.detach(id);
    });
  }
}

const binding = loadDouble();
if (binding !== undefined) for (const variant of nativeVariants(binding)) testLog(binding, variant);

const loads = suite('native/log');
(binding === undefined ? loads.skip : loads)('the addon is there to be tested', () => {
  assert.ok(nativeVariants(binding as DoubleBinding).length > 0);
});
loads.run();
