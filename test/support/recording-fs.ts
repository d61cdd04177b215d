/** node:fs that tells what it was asked, in the words of support/power-cut: the medium under the device in pure Node. */
import * as nodeFs from 'node:fs';
import { basename } from 'node:path';
import type { FileCalls } from '../../src/log/segment-spares.ts';
import type { MediumEvent } from './power-cut.ts';

const { O_DSYNC } = nodeFs.constants;

export class RecordingFs {
  readonly trace: MediumEvent[] = [];
  isRecording = false;
  readonly #files = new Map<number, { name: string; isSync: boolean }>();
  #lastId = 0;

  readonly calls: FileCalls = {
    ...nodeFs,
    openSync: (path, flags, mode) => {
      const file = nodeFs.openSync(path, flags, mode);
      const isSync = typeof flags === 'number' && (flags & O_DSYNC) !== 0;
      this.#files.set(file, { name: basename(String(path)), isSync });
      return file;
    },
    writeSync: ((file: number, bytes: Uint8Array, offset: number, size: number, at: number) => {
      const { name, isSync } = this.#files.get(file) ?? { name: '', isSync: false };
      const isSegment = name.endsWith('.seg');
      const id = isSegment
        ? this.record({ kind: 'write', file: name, offset: at, isSync, bytes: bytes.slice(offset, offset + size) })
        : 0;
      const done = nodeFs.writeSync(file, bytes, offset, size, at);
      if (isSegment) this.record({ kind: 'written', id });
      return done;
    }) as typeof nodeFs.writeSync,
    fsyncSync: (file) => this.#sync(file, nodeFs.fsyncSync),
    fdatasyncSync: (file) => this.#sync(file, nodeFs.fdatasyncSync),
    renameSync: (from, to) => {
      this.record({ kind: 'rename', file: basename(String(from)), other: basename(String(to)) });
      nodeFs.renameSync(from, to);
    },
    unlinkSync: (path) => {
      this.record({ kind: 'unlink', file: basename(String(path)) });
      nodeFs.unlinkSync(path);
    },
  };

  /** Returns the event's id. */
  record(event: Partial<MediumEvent> & Pick<MediumEvent, 'kind'>): number {
    const id = event.id ?? ++this.#lastId;
    const empty = { file: '', other: '', offset: 0, isSync: false, bytes: new Uint8Array(0) };
    if (this.isRecording) this.trace.push({ ...empty, ...event, id });
    return id;
  }

  #sync(file: number, call: (file: number) => void): void {
    const id = this.record({ kind: 'sync', file: this.#files.get(file)?.name ?? '' });
    call(file);
    this.record({ kind: 'synced', id });
  }
}
