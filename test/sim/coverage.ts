/**
 * Which lines of the compiled core a run executed, by the engine's own block counts. Costs speed: asked for with `--coverage`.
 *
 *   inspector ── ranges with counts, nested ──▶ per line: the innermost range at its first character ──▶ missed lines ──▶ merged over jobs
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

export interface FileCoverage {
  file: string;
  /** Lines with code in them. */
  lines: number;
  /** Those never executed, from 1. */
  missed: number[];
}

interface ScriptCoverage {
  url: string;
  functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[];
}

/** Lines that hold nothing but punctuation or a comment say nothing. */
const NO_CODE = /^\s*(\/\/.*|\/?\*.*|[{}()[\];,\s]*)$/;

export class CoverageMeter {
  readonly #session = new Session();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Coverage so far of the scripts whose URL contains `part`. */
  take(part: string): FileCoverage[] {
    const files: FileCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      for (const script of result as ScriptCoverage[]) if (script.url.includes(part)) files.push(coverageOf(script));
    });
    return files;
  }
}

function coverageOf(script: ScriptCoverage): FileCoverage {
  const source = readFileSync(fileURLToPath(script.url), 'utf8');
  const counts = countsOf(script, source.length);
  const missed: number[] = [];
  let lines = 0;
  let offset = 0;
  for (const [index, line] of source.split('\n').entries()) {
    if (!NO_CODE.test(line)) {
      lines += 1;
      const first = offset + line.search(/\S/);
      if (counts[first] === 0) missed.push(index + 1);
    }
    offset += line.length + 1;
  }
  return { file: script.url.slice(script.url.lastIndexOf('/') + 1), lines, missed };
}

/** Executions per character: inner ranges come after the ones around them. */
function countsOf(script: ScriptCoverage, length: number): Float64Array {
  const counts = new Float64Array(length).fill(1);
  for (const { ranges } of script.functions) {
    for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
  }
  return counts;
}

/** A line counts as executed where any of the reports executed it. */
export function mergeCoverage(reports: readonly FileCoverage[]): FileCoverage[] {
  const merged = new Map<string, FileCoverage>();
  for (const { file, lines, missed } of reports) {
    const known = merged.get(file);
    if (known === undefined) merged.set(file, { file, lines, missed });
    else known.missed = known.missed.filter((line) => missed.includes(line));
  }
  return [...merged.values()].sort((a, b) => a.file.localeCompare(b.file));
}

/** Share of executed lines over all files, in percent with one digit. */
export function percentOf(files: readonly FileCoverage[]): number {
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const missed = files.reduce((sum, file) => sum + file.missed.length, 0);
  return lines === 0 ? 0 : Math.round((1000 * (lines - missed)) / lines) / 10;
}
