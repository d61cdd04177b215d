/**
 * What a misspelt name most likely means: for options, flags, variables and commands.
 */

const NAME_LENGTH_MAX = 100;
/** Letters that may be wrong in a name that is still recognized. */
const MISSPELT_MAX = 3;

/** The known name that a misspelt one most likely means. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(name);
  let best: string | undefined;
  let bestDistance = Math.min(MISSPELT_MAX, Math.ceil(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const distance = distanceOf(wanted, plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, drop, change or swap. */
function distanceOf(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (before[j - 2] as number) + 1);
      }
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[to.length] as number;
}
