/**
 * Which links of the simulated network stand: partitions in two halves or of one link, both ways or one way; partial meshes, in which
 * nobody or only a bridge reaches everybody; links that go up and down.
 *
 *   star      only A reaches all        chain     A─B─C─D─E           bridge    two halves, one member in both
 *   drawn     each link stands or not   flap      one link, up and down in drawn intervals
 */
import type { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import type { FaultCounts } from './fault-counts.ts';

interface Flap {
  a: MemberIndex;
  b: MemberIndex;
  isDown: boolean;
  changeTick: number;
  intervalTicks: number;
  changesLeft: number;
}

const FLAP_CHANGES_MAX = 16;

/** True where a link of the drawn mesh stands; `places` is the drawn order of the members. */
type Mesh = (a: number, b: number, places: readonly number[]) => boolean;

const isStar: Mesh = (a, b) => a === 0 || b === 0;
const isChain: Mesh = (a, b) => Math.abs(a - b) === 1;
const isBridge: Mesh = (a, b, places) => {
  const middle = places.length >> 1;
  return (a <= middle && b <= middle) || (a >= middle && b >= middle);
};

export class LinkCuts {
  readonly #count: number;
  readonly #prng: Prng;
  readonly #counts: FaultCounts;
  /** cut[from][to]: no frame passes. */
  readonly #cut: boolean[][];
  readonly #flaps: Flap[] = [];
  #healTick = 0;

  constructor(count: number, prng: Prng, counts: FaultCounts) {
    this.#count = count;
    this.#prng = prng;
    this.#counts = counts;
    this.#cut = Array.from({ length: count }, () => new Array<boolean>(count).fill(false));
  }

  isCut(from: MemberIndex, to: MemberIndex): boolean {
    if ((this.#cut[from] as boolean[])[to] === true) return true;
    return this.#flaps.some(({ a, b, isDown }) => isDown && ((a === from && b === to) || (a === to && b === from)));
  }

  /** Two halves or one link, both ways or one way. */
  partition(untilTick: number): void {
    this.#begin(untilTick);
    this.#counts.partition += 1;
    const side = Array.from({ length: this.#count }, () => this.#prng.chance(0.5));
    const oneWay = this.#prng.chance(0.4);
    if (oneWay) this.#counts.oneWayPartition += 1;
    const single = this.#prng.chance(0.3);
    const [a, b] = this.#link();
    this.#cutWhere((from, to) => {
      const crosses = single ? (from === a && to === b) || (from === b && to === a) : side[from] !== side[to];
      return crosses && (!oneWay || (single ? from === a : side[from] === true));
    });
  }

  /** Only the links of a drawn graph stand. */
  mesh(untilTick: number): void {
    this.#begin(untilTick);
    this.#counts.mesh += 1;
    const places = this.#order();
    const stands = new Set<number>();
    for (let link = 0; link < this.#count * this.#count; link++) if (this.#prng.chance(0.5)) stands.add(link);
    const isDrawn: Mesh = (a, b) => stands.has(Math.min(a, b) * this.#count + Math.max(a, b));
    const mesh = this.#prng.pick([isStar, isChain, isBridge, isDrawn]);
    this.#cutWhere((from, to) => from !== to && !mesh(places[from] as number, places[to] as number, places));
  }

  /** Frames pass from the first to the second of these pairs until `heal`, and nowhere else. */
  keepOnly(links: readonly (readonly [MemberIndex, MemberIndex])[]): void {
    this.#begin(0);
    this.#cutWhere((from, to) => from !== to && !links.some(([a, b]) => a === from && b === to));
  }

  /** A link begins to go up and down; one at a time, or nobody would ever reach anybody. */
  flap(now: number, intervalTicks: number): void {
    if (this.#flaps.length > 0) return;
    this.#counts.flap += 1;
    const [a, b] = this.#link();
    const changesLeft = this.#prng.range(2, FLAP_CHANGES_MAX);
    this.#flaps.push({ a, b, isDown: true, changeTick: now + 1, intervalTicks, changesLeft });
  }

  tick(now: number): void {
    if (this.#healTick === now) this.#cutWhere(() => false);
    for (const flap of this.#flaps) {
      if (flap.changeTick > now) continue;
      flap.isDown = !flap.isDown;
      flap.changesLeft -= 1;
      flap.changeTick = now + this.#prng.range(1, flap.intervalTicks + 2);
    }
    for (let i = this.#flaps.length - 1; i >= 0; i--)
      if ((this.#flaps[i] as Flap).changesLeft <= 0) this.#flaps.splice(i, 1);
  }

  heal(): void {
    this.#cutWhere(() => false);
    this.#flaps.length = 0;
  }

  #begin(untilTick: number): void {
    this.#healTick = untilTick;
  }

  #cutWhere(isCut: (from: number, to: number) => boolean): void {
    this.#cut.forEach((row, from) => {
      for (let to = 0; to < row.length; to++) row[to] = isCut(from, to);
    });
  }

  #link(): [MemberIndex, MemberIndex] {
    const a = this.#prng.range(0, this.#count);
    return [a, (a + this.#prng.range(1, this.#count)) % this.#count];
  }

  /** Members in drawn order: order[member] is its place. */
  #order(): number[] {
    const order = Array.from({ length: this.#count }, (_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const other = this.#prng.range(0, i + 1);
      [order[i], order[other]] = [order[other] as number, order[i] as number];
    }
    return order;
  }
}
