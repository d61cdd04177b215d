/**
 * The compiled core with its private fields open, so that a whole replica can be copied out as numbers and back: a copy of
 * dist/src/{base,limits,paxos} in which `#name` is written `_name`. Everything else of it is the code that ships.
 *
 *   Replica ─ state ─ window ─ voteBallot[0..slots) …      every number, boolean and typed array that is reachable
 *           └ _proposer ─ _attempt, _ledger ─ …            becomes a cell; a snapshot is the list of all cells
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Replica, ReplicaOptions } from '../../src/paxos/replica.ts';

const COMPILED = fileURLToPath(new URL('../../src/', import.meta.url));
const PRIVATE_NAME = /#(?=[A-Za-z])/g;
/** Constant after construction, or (the outbox) empty between two calls. */
const NO_STATE = new Set(['configuration', 'timing', 'sameValue', 'outbox', '_prng']);

export type ReplicaClass = new (options: ReplicaOptions) => Replica;

/** Loads the class anew from what is compiled now. */
export async function openReplicaClass(): Promise<ReplicaClass> {
  const folder = mkdtempSync(join(tmpdir(), 'synod-open-core-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const part of ['base', 'paxos', 'limits.js']) {
      cpSync(join(COMPILED, part), join(folder, part), { recursive: true });
    }
    for (const name of readdirSync(join(folder, 'paxos'))) {
      const path = join(folder, 'paxos', name);
      writeFileSync(path, readFileSync(path, 'utf8').replace(PRIVATE_NAME, '_'));
    }
    const module = (await import(pathToFileURL(join(folder, 'paxos/replica.js')).href)) as { Replica: ReplicaClass };
    return module.Replica;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Numbers = Record<string | number, number | boolean>;

interface Cell {
  holder: Numbers;
  key: string | number;
  /** Classes and fields on the way to it. */
  path: readonly string[];
}

/** Copies everything that a replica remembers out and in. */
export class Cells {
  readonly #cells: Cell[] = [];
  readonly #seen = new Set<object>();
  readonly #limits: ReadonlyMap<number, number>;

  /** `limits`: of typed arrays of that length only the first so many elements are used in this scope. */
  constructor(replica: Replica, limits: ReadonlyMap<number, number>) {
    this.#limits = limits;
    this.#collect(replica, []);
  }

  #collect(holder: object, path: readonly string[]): void {
    if (this.#seen.has(holder)) return;
    this.#seen.add(holder);
    for (const key of Object.keys(holder)) {
      if (NO_STATE.has(key)) continue;
      const value = (holder as Record<string, unknown>)[key];
      const way = [...path, key];
      if (typeof value === 'number' || typeof value === 'boolean') {
        this.#cells.push({ holder: holder as Numbers, key, path: way });
      } else if (ArrayBuffer.isView(value)) this.#collectArray(value as unknown as Numbers, way);
      else if (typeof value === 'object' && value !== null) this.#collect(value, [...way, value.constructor.name]);
      else throw new Error(`a replica remembers something that cannot be copied: ${key}`);
    }
  }

  #collectArray(holder: Numbers, path: readonly string[]): void {
    const length = holder['length'] as number;
    const limit = this.#limits.get(length) ?? length;
    for (let key = 0; key < limit; key++) this.#cells.push({ holder, key, path });
  }

  save(): Float64Array {
    return Float64Array.from(this.#cells, ({ holder, key }) => Number(holder[key]));
  }

  load(saved: Float64Array): void {
    for (let i = 0; i < saved.length; i++) {
      const { holder, key } = this.#cells[i] as Cell;
      const number = saved[i] as number;
      holder[key] = typeof holder[key] === 'boolean' ? number === 1 : number;
    }
  }

  /** Indices of the cells that tell two states apart where nothing reads what is `unread`: classes and fields. */
  readCells(unread: ReadonlySet<string>): Int32Array {
    const indices: number[] = [];
    for (const [index, { path }] of this.#cells.entries()) {
      if (!path.some((name) => unread.has(name))) indices.push(index);
    }
    return Int32Array.from(indices);
  }
}
