/** The last lines of what happened, one per state change; the whole of it where asked for. */
const LINES = 40;

export class Trace {
  readonly #print: ((line: string) => void) | undefined;
  #lines: string[] = [];

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  add(tick: number, text: string): void {
    const line = `${String(tick).padStart(8)}  ${text}`;
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 4 * LINES) this.#lines = this.#lines.slice(-LINES);
  }

  last(): string[] {
    return this.#lines.slice(-LINES);
  }
}
