/**
 * The power goes after every call of every device: whatever of the unflushed bytes and names reached the medium, recovery finds each
 * acknowledged submission, in order, nothing else, and no damage.
 *
 *   LogWriter ─▶ device ─▶ recording medium ─▶ trace ─▶ PowerCut: images at each event ─▶ recoverLog
 *
 * The medium holds writes of submissions back and lets them go in any order, so that completed ones stand behind open ones.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prng } from '../../src/base/prng.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { FsDevice } from '../../src/log/fs-device.ts';
import type { LogDevice } from '../../src/log/log.ts';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { NativeDevice } from '../../src/log/native-device.ts';
import { openLog } from '../../src/log/open-log.ts';
import { ENTRY_HEADER_BYTES } from '../../src/log/record.ts';
import { recoverLog } from '../../src/log/recovery.ts';
import { FileSegmentReader, type SegmentReader, segmentFileName } from '../../src/log/segment.ts';
import { alignedMemory } from '../../src/memory/aligned-memory.ts';
import { WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { type Checksum, NativeChecksum, softwareChecksum } from '../../src/wire/crc32c.ts';
import { appendVote, IDENTITY } from '../support/log-fixture.ts';
import { type MediumEvent, PowerCut } from '../support/power-cut.ts';
import { RecordingFs } from '../support/recording-fs.ts';
import { loadDouble } from './double.ts';
import { nativeVariants, type Variant } from './log-bench.ts';

const SEEDS = 2;
const ROUNDS = 3;
const RANDOM_IMAGES = 3;
const VALUE_BYTES = 9000;
const LARGE_VALUE_BYTES = 1 << 20;
/** Few chunks and a reserve: more than one segment is written, and its memory used again. */
const CHUNKS = 4;
/** Files that a device makes before it uses a retired one. */
const FILES_AHEAD = 3;
const WAIT_MS = 1;
const WAITS_MAX = 60_000;

/** A device over a medium that can be watched, and what a test needs to steer it. */
interface Watched {
  device: LogDevice;
  /** Submissions that can be under way at a time. */
  inFlightMax: number;
  record(): void;
  mark(acknowledged: number): void;
  trace(): MediumEvent[];
  /** Ids of writes that are held, oldest first. */
  held(): number[];
  hold(): void;
  letGo(id?: number): void;
}

type Watch = (directory: string, chunks: readonly SharedArrayBuffer[]) => Watched;

const chunks = Array.from({ length: CHUNKS }, () => alignedMemory(LOG_SEGMENT_BYTES));
const nobodyStoresHere = new Int32Array(new SharedArrayBuffer(4));

class CrashedLog {
  readonly directory: string;
  readonly watched: Watched;
  readonly log: LogWriter;
  readonly #prng: Prng;
  #first = new Map<string, Uint8Array>();
  #slots = 0;
  /** Slots of which submission n was the last. */
  readonly #lastSlots: number[] = [];
  #durable = 0;

  constructor(parent: string, watch: Watch, prng: Prng, aheadOffset?: number) {
    this.directory = mkdtempSync(join(parent, 'synod-crash-'));
    this.#prng = prng;
    this.watched = watch(this.directory, chunks);
    this.record();
    const { log } = openLog({
      device: this.watched.device,
      reader: new FileSegmentReader(this.directory),
      chunks,
      checksum: softwareChecksum,
      identity: IDENTITY,
      visitor: () => {},
      onForgotten: () => {},
      mayRejoin: false,
      ...(aheadOffset === undefined ? {} : { aheadOffset }),
    });
    this.log = log;
  }

  /** From here on; what stands in the directory is durable. */
  record(): void {
    this.watched.record();
    const names = readdirSync(this.directory).filter((name) => name !== 'fill.tmp');
    this.#first = new Map(names.map((name) => [name, readFileSync(join(this.directory, name))]));
    this.watched.mark(this.acknowledged);
  }

  /** Until the segment that was asked for ahead has its name: nothing else is renamed then. */
  settleAhead(): void {
    const { appendedPosition } = this.log;
    const next = appendedPosition - (appendedPosition % LOG_SEGMENT_BYTES) + LOG_SEGMENT_BYTES;
    waitUntil(() => this.log.submit(false) === 0 && existsSync(join(this.directory, segmentFileName(next))));
  }

  /** The last slot that is acknowledged. */
  get acknowledged(): number {
    return this.#durable === 0 ? 0 : this.#lastSlots[this.#durable - 1];
  }

  append(bytes: number): void {
    const slot = ++this.#slots;
    const value = new Uint8Array(bytes).fill(slot & 255);
    waitUntil(() => {
      this.#poll();
      return appendVote(this.log, slot, value) >= 0;
    });
  }

  /** One submission of one to three records; returns once the medium has it, or the device lets others go first. */
  submit(alone = false): void {
    const records = this.#prng.range(1, 4);
    for (let nth = 0; nth < records; nth++) this.append(this.#prng.range(1, VALUE_BYTES));
    this.handOver(alone);
  }

  handOver(alone: boolean): void {
    waitUntil(() => this.log.submit(alone) > 0);
    this.#lastSlots.push(this.#slots);
    this.#poll();
  }

  /** Several submissions, completed in any order. */
  round(): void {
    const { watched } = this;
    const first = this.#durable;
    const count = this.#prng.range(1, watched.inFlightMax + 1);
    watched.hold();
    const open: { id: number; nth: number }[] = [];
    for (let nth = 0; nth < count; nth++) {
      this.submit();
      if (watched.inFlightMax === 1) continue;
      waitUntil(() => watched.held().length > nth);
      open.push({ id: watched.held().at(-1) as number, nth });
    }
    const done = new Set<number>();
    while (open.length > 0) {
      const [{ id, nth }] = open.splice(this.#prng.range(0, open.length), 1);
      done.add(nth);
      watched.letGo(id);
      let prefix = 0;
      while (done.has(prefix)) prefix++;
      waitUntil(() => this.#poll() >= first + prefix);
      assert.is(this.#durable, first + prefix, 'the contiguous prefix is durable');
    }
    watched.letGo();
  }

  /** Waits for all. */
  settle(): void {
    waitUntil(() => this.#poll() === this.#lastSlots.length);
  }

  #poll(): number {
    if (this.log.poll()) {
      this.#durable = this.watched.device.durableCount();
      this.watched.mark(this.acknowledged);
    }
    return this.#durable;
  }

  /** Cuts the power after each event; returns how many images were recovered. */
  verify(random: number, prng: Prng, checksum: Checksum = softwareChecksum): number {
    const cut = new PowerCut(basename(this.directory), this.#first);
    let images = 0;
    for (const [index, event] of this.watched.trace().entries()) {
      cut.step(event);
      if (event.kind === 'sync') continue; // nothing is flushed before it ends
      for (const image of cut.images(random, prng)) {
        images++;
        verifyImage(image, cut.mark, this.#slots, `event ${index}, ${event.kind} ${event.file}`, checksum);
      }
    }
    return images;
  }

  end(): void {
    this.watched.letGo();
    this.watched.device.close();
    rmSync(this.directory, { recursive: true });
  }
}

function verifyImage(
  image: SegmentReader,
  acknowledged: number,
  appended: number,
  where: string,
  checksum: Checksum,
): void {
  const slots: number[] = [];
  const report = recoverLog(image, IDENTITY, checksum, (record, bytes, _words, offset) => {
    slots.push(record.slot);
    assert.is(bytes[offset + ENTRY_HEADER_BYTES], record.slot & 255, `the value of slot ${record.slot} after ${where}`);
  });
  assert.is(report.damage, undefined, `${where}: ${report.damage?.reason}`);
  const last = slots.at(-1) ?? 0;
  assert.ok(
    last >= acknowledged,
    `slot ${acknowledged} was acknowledged and is lost, ${last} is the last, after ${where}`,
  );
  assert.ok(last <= appended, `slot ${last} was never appended, after ${where}`);
  for (let n = 1; n < slots.length; n++) assert.is(slots[n], slots[n - 1] + 1, `a gap after ${where}`);
}

function waitUntil(condition: () => boolean): void {
  for (let waits = 0; !condition(); waits++) {
    if (waits === WAITS_MAX) throw new Error('the device stands still');
    Atomics.wait(nobodyStoresHere, 0, 0, WAIT_MS);
  }
}

function testCrashPoints(label: string, parent: string, watch: Watch): void {
  const test = suite<{ log: CrashedLog; seed: number }>(`native/crash points ${label}`);
  test.after.each(({ log }) => log.end());

  for (let seed = 1; seed <= SEEDS; seed++) {
    test(`every acknowledged submission survives a cut at any call, seed ${seed}`, (context) => {
      const prng = new Prng(seed);
      const log = new CrashedLog(parent, watch, prng);
      context.log = log;
      for (let round = 0; round < ROUNDS; round++) {
        log.round();
        log.submit(true);
        log.settle();
      }
      assert.ok(log.acknowledged > ROUNDS, 'something was acknowledged');
      assert.ok(log.verify(RANDOM_IMAGES, prng) > 100, 'there were cuts');
    });
  }

  test('a segment that leaves, and its file under a new name: old bytes never pass for new ones', (context) => {
    const prng = new Prng(SEEDS + 1);
    const log = new CrashedLog(parent, watch, prng, LOG_BLOCK_BYTES);
    context.log = log;
    const { log: writer } = log;
    const fill = (segments: number) => {
      const end = writer.appendedPosition + segments * LOG_SEGMENT_BYTES;
      while (writer.appendedPosition < end) {
        log.append(LARGE_VALUE_BYTES);
        log.handOver(false);
        log.settle();
      }
    };
    const retire = () => {
      const kept = writer.firstPosition;
      writer.retire(writer.durablePosition);
      assert.ok(writer.firstPosition > kept, 'segments were retired');
      waitUntil(() => readdirSync(log.directory).some((name) => name.startsWith('spare-0')));
    };
    fill(1);
    retire();
    fill(1);
    log.settleAhead();
    log.record();
    retire();
    const isRenamed = () =>
      log.watched
        .trace()
        .some(({ kind, file, other }) => kind === 'rename' && /^spare-0.*/.test(file) && /seg$/.test(other));
    // The device may have had files of zeros at hand.
    for (let segments = 0; segments < FILES_AHEAD && !isRenamed(); segments++) fill(1);
    for (let nth = 0; nth < 3; nth++) log.submit();
    log.settle();
    assert.ok(isRenamed(), 'a retired file became a segment');
    log.verify(1, prng, checksum);
  });

  test.run();
}

function watchNative(variant: Variant): Watch {
  const medium = loadDouble()!;
  return (directory, memory) => {
    medium.mediumReset();
    medium.mediumUring(variant.uring);
    const block = new SharedArrayBuffer(WORKER_WORDS * 4);
    const isRing = variant.label.includes('io_uring');
    return {
      device: new NativeDevice(medium, directory, variant.mode, true, memory, block),
      inFlightMax: { dax: 1, buffered: 2, direct: isRing ? 8 : 4 }[variant.mode],
      record: () => medium.mediumRecord(),
      mark: (acknowledged) => medium.mediumMark(acknowledged),
      trace: () => medium.mediumTrace(),
      held: () => medium.mediumHeld(),
      hold: () => medium.mediumHoldAll(),
      letGo: (id) => (id === undefined ? medium.mediumLetGo() : medium.mediumLetGo(id)),
    };
  };
}

const watchFs: Watch = (directory, memory) => {
  const fs = new RecordingFs();
  return {
    device: new FsDevice(directory, memory, true, fs.calls),
    inFlightMax: 1,
    record: () => {
      fs.trace.length = 0;
      fs.isRecording = true;
    },
    mark: (acknowledged) => fs.record({ kind: 'mark', id: acknowledged }),
    trace: () => fs.trace,
    held: () => [],
    hold: () => {},
    letGo: () => {},
  };
};

const medium = loadDouble();
const checksum = medium === undefined ? softwareChecksum : new NativeChecksum(medium);
if (medium !== undefined)
  for (const variant of nativeVariants(medium)) testCrashPoints(variant.label, variant.parent, watchNative(variant));
testCrashPoints('fs', tmpdir(), watchFs);
