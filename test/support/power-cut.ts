/**
 * What a power cut may leave of a medium: from what it was asked, in order, the files that could stand on it at any moment.
 *
 *   trace ── up to the cut ──▶ durable: what was flushed      ──┐
 *                         └──▶ pending: asked and not flushed ──┴─ any part of it, torn ──▶ image ──▶ recovery
 *
 * Blocks tear at sectors, stores at words. Names change durably with the next sync of the directory; until then any of the changes may have
 * reached it.
 */
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import type { SegmentReader } from '../../src/log/segment.ts';

/** What the medium was asked; names are those in the log's directory, DIRECTORY for itself. */
export interface MediumEvent {
  /** 'write' asked and, by its id, 'written'; 'sync' and 'synced'; 'store' and the 'fence' behind it; 'mark', the test's own. */
  kind: 'write' | 'written' | 'sync' | 'synced' | 'store' | 'fence' | 'rename' | 'unlink' | 'mark';
  id: number;
  file: string;
  /** The new name. */
  other: string;
  offset: number;
  /** The write is durable once it is written. */
  isSync: boolean;
  bytes: Uint8Array;
}

const SECTOR_BYTES = 512;
const WORD_BYTES = 8;
const PAGE_BYTES = 4096;
const SEGMENT = /^([0-9a-f]{16})\.seg$/;

export interface Chance {
  chance(p: number): boolean;
  range(low: number, high: number): number;
}

interface Pending {
  file: DiskFile;
  id: number;
  offset: number;
  bytes: Uint8Array;
  unitBytes: number;
  isWritten: boolean;
  isSync: boolean;
}

interface Naming {
  from: string;
  /** Undefined: removed. */
  to: string | undefined;
}

/** A file's durable bytes: pages over what stood there at first. */
class DiskFile {
  readonly pages = new Map<number, Uint8Array>();
  readonly #first: Uint8Array | undefined;

  constructor(first: Uint8Array | undefined) {
    this.#first = first;
  }

  get size(): number {
    if (this.#first !== undefined) return this.#first.length;
    return PAGE_BYTES * (1 + Math.max(0, ...this.pages.keys()));
  }

  write(offset: number, bytes: Uint8Array): void {
    writePages(this.pages, offset, bytes, (page) => this.page(page));
  }

  page(page: number): Uint8Array {
    const own = this.pages.get(page);
    if (own !== undefined) return own;
    return this.#first?.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES) ?? new Uint8Array(PAGE_BYTES);
  }
}

function writePages(
  pages: Map<number, Uint8Array>,
  offset: number,
  bytes: Uint8Array,
  before: (page: number) => Uint8Array,
): void {
  for (let done = 0; done < bytes.length; ) {
    const page = Math.floor((offset + done) / PAGE_BYTES);
    const at = (offset + done) % PAGE_BYTES;
    const size = Math.min(bytes.length - done, PAGE_BYTES - at);
    const own = pages.get(page) ?? before(page).slice();
    own.set(bytes.subarray(done, done + size), at);
    pages.set(page, own);
    done += size;
  }
}

/** A medium after the cut, as recovery reads it. */
export class DiskImage implements SegmentReader {
  readonly #names: Map<string, DiskFile>;
  readonly #torn = new Map<DiskFile, Map<number, Uint8Array>>();

  constructor(names: Map<string, DiskFile>) {
    this.#names = names;
  }

  /** Bytes that were not durable, and reached the medium all the same. */
  tear(file: DiskFile, offset: number, bytes: Uint8Array): void {
    const pages = this.#torn.get(file) ?? new Map<number, Uint8Array>();
    this.#torn.set(file, pages);
    writePages(pages, offset, bytes, (page) => file.page(page));
  }

  list(): number[] {
    const names = [...this.#names.keys()].filter((name) => SEGMENT.test(name)).sort();
    return names.map((name) => Number.parseInt(name, 16) * LOG_SEGMENT_BYTES);
  }

  sizeOf(base: number): number {
    const file = this.#file(base);
    const last = Math.max(0, ...(this.#torn.get(file)?.keys() ?? []));
    return Math.max(file.size, PAGE_BYTES * (last + 1));
  }

  read(base: number, offset: number, target: Uint8Array, targetOffset: number, size: number): void {
    const file = this.#file(base);
    const torn = this.#torn.get(file);
    for (let done = 0; done < size; ) {
      const page = Math.floor((offset + done) / PAGE_BYTES);
      const at = (offset + done) % PAGE_BYTES;
      const count = Math.min(size - done, PAGE_BYTES - at);
      const bytes = torn?.get(page) ?? file.page(page);
      target.set(bytes.subarray(at, at + count), targetOffset + done);
      done += count;
    }
  }

  nameOf(base: number): string {
    return (base / LOG_SEGMENT_BYTES).toString(16).padStart(16, '0').concat('.seg');
  }

  close(): void {}

  #file(base: number): DiskFile {
    return this.#names.get(this.nameOf(base)) as DiskFile;
  }
}

/** Plays a trace event by event; after each, the power may go. */
export class PowerCut {
  /** The mark met last. */
  mark = 0;
  readonly #directory: string;
  readonly #live = new Map<string, DiskFile>();
  #durable = new Map<string, DiskFile>();
  #pending: Pending[] = [];
  #namings: Naming[] = [];
  /** By the id of a sync that has begun: what it will have made durable. */
  readonly #syncs = new Map<number, Pending[] | number>();

  /** `files`: what stands durably in the directory before the trace; the directory's own name is that of its syncs. */
  constructor(directory: string, files: Iterable<readonly [string, Uint8Array]>) {
    this.#directory = directory;
    for (const [name, bytes] of files) this.#live.set(name, new DiskFile(bytes));
    for (const [name, file] of this.#live) this.#durable.set(name, file);
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  step(event: MediumEvent): void {
    if (event.kind === 'mark') this.mark = event.id;
    else if (event.kind === 'write') this.#ask(event, SECTOR_BYTES);
    else if (event.kind === 'store') this.#ask(event, WORD_BYTES);
    else if (event.kind === 'written') this.#written(event.id);
    else if (event.kind === 'fence') this.#flush(this.#pending.filter(({ unitBytes }) => unitBytes === WORD_BYTES));
    else if (event.kind === 'sync') this.#beginSync(event);
    else if (event.kind === 'synced') this.#endSync(event.id);
    else this.#name(event.file, event.kind === 'rename' ? event.other : undefined);
  }

  /** The images that are told apart here: nothing and all of what is pending, each write alone and each missing, and `random` torn ones. */
  *images(random: number, prng: Chance): Generator<DiskImage> {
    yield this.#image(() => false);
    yield this.#image(() => true);
    if (this.#namings.length > 0 && this.#pending.length > 0) {
      yield this.#image((unit) => unit === -1);
      yield this.#image((unit) => unit !== -1);
    }
    for (const one of this.#pending) {
      yield this.#image((unit, write) => write !== one || unit === -1);
      yield this.#image((unit, write) => write === one || unit === -1);
      const cut = prng.range(0, Math.ceil(one.bytes.length / one.unitBytes));
      yield this.#image((unit, write) => write !== one || unit < cut);
    }
    for (let nth = 0; nth < random; nth++) {
      const share = prng.range(1, 10) / 10;
      yield this.#image(() => prng.chance(share));
    }
  }

  /** `reached` decides over units of writes, and with unit -1 over changes of names. */
  #image(reached: (unit: number, write: Pending | undefined) => boolean): DiskImage {
    const names = new Map(this.#durable);
    for (const naming of this.#namings) if (reached(-1, undefined)) applyName(names, naming);
    const image = new DiskImage(names);
    for (const write of this.#pending) {
      for (let unit = 0; unit * write.unitBytes < write.bytes.length; unit++) {
        if (!reached(unit, write)) continue;
        const at = unit * write.unitBytes;
        image.tear(write.file, write.offset + at, write.bytes.subarray(at, at + write.unitBytes));
      }
    }
    return image;
  }

  #ask({ file, id, offset, bytes, isSync }: MediumEvent, unitBytes: number): void {
    this.#pending.push({ file: this.#fileOf(file), id, offset, bytes, unitBytes, isWritten: false, isSync });
  }

  #written(id: number): void {
    const write = this.#pending.find((each) => each.id === id);
    if (write === undefined) return;
    write.isWritten = true;
    if (write.isSync) this.#flush([write]);
  }

  #beginSync({ id, file }: MediumEvent): void {
    if (file === this.#directory) {
      this.#syncs.set(id, this.#namings.length);
      return;
    }
    const synced = this.#fileOf(file);
    this.#syncs.set(
      id,
      this.#pending.filter((write) => write.file === synced && write.isWritten),
    );
  }

  #endSync(id: number): void {
    const begun = this.#syncs.get(id) ?? [];
    if (typeof begun !== 'number') {
      this.#flush(begun);
      return;
    }
    for (const naming of this.#namings.splice(0, begun)) applyName(this.#durable, naming);
    for (const [other, count] of this.#syncs)
      if (typeof count === 'number') this.#syncs.set(other, Math.max(0, count - begun));
  }

  #flush(writes: readonly Pending[]): void {
    for (const { file, offset, bytes } of writes) file.write(offset, bytes);
    this.#pending = this.#pending.filter((write) => !writes.includes(write));
  }

  #name(from: string, to: string | undefined): void {
    this.#fileOf(from);
    const naming = { from, to };
    applyName(this.#live, naming);
    // A name that was never durable is not missed: the file is its first durable name's.
    if (!this.#durable.has(from) && !this.#namings.some((each) => each.to === from) && to !== undefined)
      this.#durable.set(from, this.#live.get(to) as DiskFile);
    this.#namings.push(naming);
  }

  /** Files that the trace does not see made are full of zeros. */
  #fileOf(name: string): DiskFile {
    const file = this.#live.get(name) ?? new DiskFile(undefined);
    this.#live.set(name, file);
    return file;
  }
}

function applyName(names: Map<string, DiskFile>, { from, to }: Naming): void {
  const file = names.get(from);
  if (file === undefined) return;
  names.delete(from);
  if (to !== undefined) names.set(to, file);
}
