/**
 * A replica's directory with several logs through power cut after power cut. The production log writer, recovery and directory
 * code; below them a medium that drops, reorders and tears whatever was not durable, rots, is lost, or is an old copy.
 *
 *   life: open the directory (identity, starts) ─▶ recover all logs ─▶ judge ─▶ votes, promises, marks, completions in any order ─▶ cut
 */
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SynodError } from '../../src/base/errors.ts';
import type { Prng } from '../../src/base/prng.ts';
import { type OpenedDirectory, openDirectory } from '../../src/engine/directory.ts';
import { LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import type { LogWriter } from '../../src/log/log-writer.ts';
import { openLog } from '../../src/log/open-log.ts';
import { ENTRY_HEADER_BYTES, KIND_PROMISE, KIND_VOTE } from '../../src/log/record.ts';
import { softwareChecksum } from '../../src/wire/crc32c.ts';
import { TestDevice, TestMedium } from '../support/test-device.ts';
import { GroupModel, type Recovered } from './group-model.ts';

const GROUPS_PER_LOG = 2;
const LOGS_MAX = 3;
const STEPS_MAX = 40;
const ROT_CHANCE = 0.04;
const LOSS_CHANCE = 0.03;
const OLD_COPY_CHANCE = 0.03;
const RETIRE_CHANCE = 0.15;
/** Logs grow by a segment per life: they are truncated at the latest then. */
const SEGMENTS_MAX = 12;
/** The replica under test; the two others only have identities. */
const REPLICA = 0;

/** How often each rule of safety mattered. A rule that never did proves nothing. */
export class RuleCounts {
  /** A cut while answers waited for their records. */
  S1 = 0;
  /** A cut while a candidate's own promise was not durable. */
  S2 = 0;
  /** A recovery that met a hole or a torn write, and cut there. */
  S11 = 0;
  /** A loss that was found, told, and told again until the way back was over. */
  S12 = 0;
  /** A directory that was empty, an old copy, foreign, or opened twice, and was refused. */
  S13 = 0;
  /** Segments given back behind marks, their files used again. */
  S14 = 0;
  /** A start with another number of workers, which recovered every log. */
  S15 = 0;
}

/** Memory that logs write from; one life at a time uses it. */
const CHUNKS = Array.from({ length: LOGS_MAX }, () =>
  Array.from({ length: 2 }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES)),
);

interface RigLog {
  medium: TestMedium;
  device: TestDevice;
  writer: LogWriter;
  groups: GroupModel[];
}

/** An old copy: identity file and media, and after how many cuts it was made. */
interface Copy {
  home: string;
  media: TestMedium[];
  cuts: number;
}

export class DirectoryRig {
  readonly counts: RuleCounts;
  cuts = 0;
  violation = '';
  readonly #prng: Prng;
  readonly #root: string;
  readonly #logCount: number;
  readonly #media: TestMedium[];
  readonly #groups: GroupModel[][];
  #logs: RigLog[] = [];
  #opened: OpenedDirectory | undefined;
  #copy: Copy | undefined;

  constructor(prng: Prng, counts: RuleCounts) {
    this.#prng = prng;
    this.counts = counts;
    const shared = '/dev/shm';
    this.#root = mkdtempSync(join(existsSync(shared) ? shared : tmpdir(), 'synod-power-cuts-'));
    this.#logCount = prng.range(1, LOGS_MAX + 1);
    this.#media = Array.from({ length: this.#logCount }, () => new TestMedium());
    for (const medium of this.#media) medium.isRecycling = true;
    this.#groups = this.#media.map((_, log) =>
      Array.from({ length: GROUPS_PER_LOG }, (_unused, n) => new GroupModel(log * GROUPS_PER_LOG + n)),
    );
  }

  /** Lives and power cuts, until so many or a violation. */
  run(cuts: number): void {
    try {
      this.#open(false);
      while (this.cuts < cuts && this.violation === '') this.#live();
    } finally {
      this.#opened?.release();
      rmSync(this.#root, { recursive: true, force: true });
    }
  }

  #live(): void {
    const prng = this.#prng;
    for (let steps = prng.range(0, STEPS_MAX); steps > 0; steps--) this.#step(prng.pick(this.#logs));
    if (prng.chance(RETIRE_CHANCE)) this.#truncate(prng.pick(this.#logs));
    for (const log of this.#logs) if (log.medium.segments.size > SEGMENTS_MAX) this.#truncate(log);
    const isRotten = prng.chance(ROT_CHANCE) && this.#rot(prng.pick(this.#logs));
    this.#cut();
    this.#opened?.release();
    if (!isRotten && prng.chance(LOSS_CHANCE)) this.#lose();
    else if (!isRotten && this.#isCopyOld() && prng.chance(OLD_COPY_CHANCE)) this.#restoreCopy(this.#copy as Copy);
    else this.#open(false);
  }

  #step({ device, writer, groups }: RigLog): void {
    const prng = this.#prng;
    const group = prng.pick(groups);
    const roll = prng.float();
    if (roll < 0.45) group.vote(writer, this.#value(), prng.chance(0.2));
    else if (roll < 0.55) group.promise(writer, prng.chance(0.5));
    else if (roll < 0.75) writer.submit(false);
    else if (roll < 0.95 && device.inFlight.length > 0) device.complete(prng.range(0, device.inFlight.length));
    else if (writer.writeFloor()) writer.submit(true);
    if (writer.poll()) for (const one of groups) one.onDurable(writer.durablePosition);
  }

  #value(): string {
    const length = this.#prng.chance(0.1) ? this.#prng.range(4000, 20_000) : this.#prng.range(1, 300);
    return String.fromCharCode(this.#prng.range(97, 123)).repeat(length);
  }

  #settle({ device, writer, groups }: RigLog): void {
    do {
      writer.submit(false);
      device.completeAll();
      writer.poll();
    } while (writer.isBusy);
    for (const group of groups) group.onDurable(writer.durablePosition);
  }

  /** Marks, durable, then segments: a cut may come after any of these steps. */
  #truncate(log: RigLog): void {
    const { writer, groups } = log;
    if (groups.some(({ isForgetful }) => isForgetful)) return;
    const limit = writer.appendedPosition;
    for (const group of groups) group.mark(writer);
    if (this.#prng.chance(0.3)) return;
    this.#settle(log);
    if (writer.retire(limit) === 0) return;
    this.counts.S14 += 1;
    for (const group of groups) group.onRetired();
  }

  /** Something durable of this life changes; a floor behind it tells it from a torn write. False where nothing is there yet. */
  #rot(log: RigLog): boolean {
    const { writer, medium, groups } = log;
    if (groups.some(({ isForgetful }) => isForgetful) || !writer.isBusy) return false;
    const first = writer.durablePosition;
    this.#settle(log);
    if (writer.writeFloor()) this.#settle(log);
    medium.flip(first + this.#prng.range(0, ENTRY_HEADER_BYTES));
    return true;
  }

  /** The power goes: of each write in flight all, some or no sectors reach the medium. */
  #cut(): void {
    const prng = this.#prng;
    this.cuts += 1;
    for (const { device, groups } of this.#logs) {
      if (groups.some(({ hasPending }) => hasPending)) this.counts.S1 += 1;
      if (groups.some(({ hasOwnPending }) => hasOwnPending)) this.counts.S2 += 1;
      device.inFlight.forEach((_, index) => {
        const kind = prng.range(0, 4);
        const fate = kind === 0 ? 0 : kind === 1 ? 2 ** 32 - 1 : prng.next32();
        device.tear(index, (sector) => ((fate >>> (sector % 32)) & 1) !== 0);
      });
    }
  }

  #open(isLost: boolean): void {
    this.#opened = this.#openDirectory('refuse', this.#prng.range(1, LOGS_MAX + 1), isLost);
    this.#logs = this.#media.map((_, log) => this.#openLog(log));
    if (this.violation === '') this.#keep(this.#opened);
  }

  /** The identity comes back where it was lost; every other time it must be there. */
  #openDirectory(lostReplicas: 'refuse' | 'rejoin', workers: number, isLost: boolean): OpenedDirectory {
    const mayRejoin = isLost ? 'rejoin' : lostReplicas;
    const isFirst = this.cuts === 0;
    const opened = openDirectory({
      directory: this.#root,
      replicas: 3,
      shards: this.#logCount * GROUPS_PER_LOG,
      workers: isFirst ? this.#logCount : workers,
      lostReplicas: mayRejoin,
    });
    if (opened.logs !== this.#logCount) this.#violate(`${this.#logCount} logs were made, ${opened.logs} are opened`);
    if (!isFirst && workers !== this.#logCount) this.counts.S15 += 1;
    if (opened.isForgotten(REPLICA) !== isLost) this.#violate('the directory is taken for what it is not');
    return opened;
  }

  #openLog(log: number): RigLog {
    const medium = this.#media[log] as TestMedium;
    const groups = this.#groups[log] as GroupModel[];
    const isForgotten = this.#opened?.isForgotten(REPLICA) === true;
    const device = new TestDevice(medium, CHUNKS[log] as SharedArrayBuffer[]);
    const records: Recovered[] = [];
    const forgetful = new Set<number>();
    const { log: writer, recovery } = openLog({
      device,
      reader: medium,
      chunks: CHUNKS[log] as SharedArrayBuffer[],
      checksum: softwareChecksum,
      identity: { clusterId: 1, nodeId: 1, logNumber: log },
      visitor: (record, bytes, _words, offset) => {
        const start = offset + ENTRY_HEADER_BYTES;
        const length = record.kind === KIND_VOTE ? record.valueLength : 0;
        const value = Buffer.from(bytes.slice(start, start + length)).toString('latin1');
        records.push({ ...record, value });
        if (record.kind === KIND_PROMISE) forgetful.delete(record.group);
      },
      onForgotten: () => {
        for (const { id } of groups) forgetful.add(id);
      },
      mayRejoin: true,
      isForgotten,
      aheadOffset: this.#prng.chance(0.5) ? LOG_BLOCK_BYTES : LOG_SEGMENT_BYTES,
    });
    if (recovery.damage !== undefined || isForgotten) {
      this.counts.S12 += 1;
      for (const group of groups) group.forget();
    } else if (recovery.isTorn) this.counts.S11 += 1;
    for (const group of groups) {
      const verdict = group.judge(
        records.filter((record) => record.group === group.id),
        forgetful.has(group.id),
      );
      if (verdict !== '') this.#violate(`log ${log}, group ${group.id}: ${verdict}`);
    }
    return { medium, device, writer, groups };
  }

  /** All logs are open: the start counts. Sometimes somebody keeps a copy, or tries to open the directory again. */
  #keep(opened: OpenedDirectory): void {
    for (let replica = 0; replica < 3; replica++)
      for (let log = 0; log < this.#logCount; log++) writeFileSync(join(opened.logDirectory(replica, log), 'made'), '');
    opened.settle();
    if (this.#prng.chance(0.1)) this.#mustRefuse('ERR_SYNOD_DIRECTORY_LOCKED');
    if (!this.#prng.chance(0.05) || this.#groups.flat().some(({ isForgetful }) => isForgetful)) return;
    const home = join(this.#root, 'copy');
    cpSync(join(this.#root, `replica-${REPLICA}`), home, { recursive: true });
    this.#copy = { home, media: this.#media.map((medium) => medium.clone()), cuts: this.cuts };
  }

  #lose(): void {
    rmSync(join(this.#root, `replica-${REPLICA}`), { recursive: true });
    for (const medium of this.#media) medium.wipe();
    this.#comeBack();
  }

  /** A copy of the start that is the last to count cannot be told by its count (DESIGN.md, D22). */
  #isCopyOld(): boolean {
    return this.#copy !== undefined && this.cuts - this.#copy.cuts > 1;
  }

  #restoreCopy({ home, media }: Copy): void {
    rmSync(join(this.#root, `replica-${REPLICA}`), { recursive: true });
    cpSync(home, join(this.#root, `replica-${REPLICA}`), { recursive: true });
    this.#media.forEach((medium, log) => {
      medium.wipe();
      for (const [base, bytes] of (media[log] as TestMedium).segments) medium.segments.set(base, bytes.slice());
    });
    this.#copy = undefined;
    this.#comeBack();
  }

  /** Refused; then the operator says that it may come back. */
  #comeBack(): void {
    this.#mustRefuse('ERR_SYNOD_DIRECTORY_MISMATCH');
    this.#open(true);
  }

  #mustRefuse(code: string): void {
    try {
      this.#openDirectory('refuse', 1, false).release();
    } catch (error) {
      if (!(error instanceof SynodError) || error.code !== code) throw error;
      this.counts.S13 += 1;
      return;
    }
    this.#violate(`the directory was not refused with ${code}`);
  }

  #violate(text: string): void {
    this.violation ||= `cut ${this.cuts}: ${text}`;
  }
}
