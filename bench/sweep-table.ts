/**
 * The result of the shards suite as a table, and the shard count that was best on this machine.
 */
import { grouped, type Row } from './row.ts';

/** One line per shard count, and the one with the highest rate; undisturbed rows go first where there are any. */
export function sweepTable(rows: readonly Row[]): string[] {
  const measured = rows.filter((row) => row.suite === 'shards' && row.ok);
  if (measured.length === 0) return [];
  const head = ['shards', 'commands/s', 'p50 µs', 'p99 µs', 'leaders per replica'];
  const body = measured.map((row) => [
    String(row['shards']),
    grouped(row.opsPerSecond as number),
    grouped(row.latencyUs?.p50 ?? 0),
    grouped(row.latencyUs?.p99 ?? 0),
    String(row['leaders'] ?? ''),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((line) => line[column].length)));
  const lines = [head, ...body].map((line) => line.map((text, column) => text.padStart(widths[column])).join('  '));
  const calm = measured.filter((row) => row['disturbed'] !== true);
  const candidates = calm.length > 0 ? calm : measured;
  const best = candidates.reduce((a, b) => ((b.opsPerSecond as number) > (a.opsPerSecond as number) ? b : a));
  return [
    ...lines,
    `best here: --shards ${String(best['shards'])}, ${grouped(best.opsPerSecond as number)} commands/s`,
  ];
}
