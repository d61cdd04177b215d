/**
 * Two lines become one connection: both lanes of one link number, from one handshake each.
 *
 *   line of lane 0, number N ─┐
 *   line of lane 1, number N ─┴▶ whole        a line of another number replaces both: its sender has started over
 */
import type { Line } from './line.ts';

export class LanePair {
  #linkNumber = -1;
  #lines: [Line | undefined, Line | undefined] = [undefined, undefined];
  #sinceMs = 0;

  /** Takes a line that finished its handshake; returns both once they are there, in order of their lanes. */
  add(line: Line, lane: number, linkNumber: number, nowMs: number): readonly [Line, Line] | undefined {
    if (linkNumber !== this.#linkNumber || this.#lines[lane] !== undefined) this.drop();
    if (this.#lines[1 - lane] === undefined) this.#sinceMs = nowMs;
    this.#linkNumber = linkNumber;
    this.#lines[lane] = line;
    const [bulk, control] = this.#lines;
    if (bulk === undefined || control === undefined) return undefined;
    this.#lines = [undefined, undefined];
    this.#linkNumber = -1;
    return bulk.stream.destroyed || control.stream.destroyed ? this.#tooLate([bulk, control]) : [bulk, control];
  }

  /** Ends a half that waits since before `sinceMs`; true when there was one. */
  expire(sinceMs: number): boolean {
    if (this.#linkNumber < 0 || this.#sinceMs >= sinceMs) return false;
    this.drop();
    return true;
  }

  drop(): void {
    for (const line of this.#lines) line?.stream.destroy();
    this.#lines = [undefined, undefined];
    this.#linkNumber = -1;
  }

  #tooLate(lines: readonly Line[]): undefined {
    for (const { stream } of lines) stream.destroy();
    return undefined;
  }
}
