/** Gives equal things one small number. */
export class Interner<T> {
  readonly #ids = new Map<string, number>();
  readonly all: T[] = [];

  /** Number of the thing that `key` names; `make` builds it when it is new. */
  idOf(key: string, make: () => T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.all.length;
    this.#ids.set(key, id);
    this.all.push(make());
    return id;
  }

  get(id: number): T {
    return this.all[id] as T;
  }

  get size(): number {
    return this.all.length;
  }
}
