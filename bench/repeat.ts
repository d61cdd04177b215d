/**
 * `--repeat N`: the same run N times, each in a process of its own, and the medians with their ranges.
 * Cases alternate by nature: A B C, A B C, …; a slow spell of the machine hits all of them.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Settings } from './flags.ts';
import { grouped, type Row, toJson, toText } from './row.ts';

const OUTPUT_BYTES_MAX = 1 << 26;

export function repeat(args: readonly string[], settings: Settings): number {
  const main = fileURLToPath(new URL(import.meta.url)).replace(/repeat(\.[jt]s)$/, 'main$1');
  const rows: Row[] = [];
  let status = 0;
  for (let repetition = 1; repetition <= settings.repeat; repetition++) {
    const child = [main, ...withoutRepeat(args), ...(settings.json ? [] : ['--json'])];
    const run = spawnSync(process.execPath, child, {
      encoding: 'utf8',
      maxBuffer: OUTPUT_BYTES_MAX,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (run.status !== 0) status = 1;
    for (const line of run.stdout.split('\n').filter((text) => text.startsWith('{'))) {
      const row: Row = { ...(JSON.parse(line) as Row), repetition };
      rows.push(row);
      console.log(settings.json ? toJson(row) : toText(row));
    }
  }
  if (!settings.json) for (const line of medianLines(rows)) console.log(line);
  return status;
}

export function withoutRepeat(args: readonly string[]): string[] {
  return args.filter((arg, index) => !arg.startsWith('--repeat') && args[index - 1] !== '--repeat');
}

/** Median and range of each case's rate; runs that others disturbed are left out while undisturbed ones exist. */
export function medianLines(rows: readonly Row[]): string[] {
  const cases = new Map<string, Row[]>();
  for (const row of rows.filter(({ ok, opsPerSecond }) => ok && typeof opsPerSecond === 'number')) {
    const key = `${row.suite}/${row.case}`;
    cases.set(key, [...(cases.get(key) ?? []), row]);
  }
  return [...cases].map(([key, all]) => {
    const calm = all.filter((row) => row['disturbed'] !== true);
    const counted = calm.length > 0 ? calm : all;
    const rates = counted.map((row) => row.opsPerSecond as number).sort((a, b) => a - b);
    const range = `${grouped(rates[0])} to ${grouped(rates[rates.length - 1])}`;
    const note = counted.length < all.length ? `, ${all.length - counted.length} disturbed left out` : '';
    return `median ${key.padEnd(34)} ${grouped(median(rates)).padStart(13)}/s  (${range}, ${counted.length} runs${note})`;
  });
}

/** Of sorted values. */
export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
