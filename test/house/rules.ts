/**
 * House rules on one file: each takes a file and gives its violations, `path:line: what to do`.
 * Line by line and simple on purpose. A line is excused by `reason:` in a comment on it or just above it.
 */
import type { SourceFile } from './source-file.ts';

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 70;

type Ban = readonly [pattern: RegExp, advice: string];

const CORE_BANS: readonly Ban[] = [
  [/\basync\b|\bawait\b|\bPromise\b/, 'the core is synchronous'],
  [/\bDate\b|\bperformance\b|\bsetTimeout\b|\bsetInterval\b/, 'the core knows ticks, not clocks'],
  [/\bMath\.random\b/, 'randomness comes from the Prng given to the constructor'],
  [/\bSharedArrayBuffer\b|\bAtomics\b/, 'the core shares no memory'],
  [/\bBigInt\b|\bbigint\b|\b\d+n\b/, 'slots and ballots are numbers below 2^53'],
  [/\bprocess\b|\bconsole\b|\bglobalThis\b/, 'the core has no surroundings'],
];

const HOT_BANS: readonly Ban[] = [
  [/\bBigInt\b|\bbigint\b|\bBig(?:Int|Uint)64Array\b|\b\d+n\b/, 'a bigint costs 40 bytes and more'],
  [/\.\.\./, 'spread and rest allocate'],
  [/\.subarray\(/, 'a view per call allocates: pass offsets'],
  [
    /\bfor(?: await)? ?\((?:const|let) .* of\b|\.forEach\(|\.entries\(\)|\.values\(\)/,
    'iterators allocate: count with an index',
  ],
];

const SOURCE_BANS: readonly Ban[] = [
  [/^export default\b/, 'export by name'],
  [
    /\b(?:commitIndex|commitMax|currentTerm|viewNumber|correlationId|firstIndex|checkpoint\w*|nack\w*)\b/,
    'use the word of the glossary',
  ],
  [/(?<!\bconst\b.*)\b\d[\d_]{4,}\b/, 'give a large number a name, in limits.ts where it is a bound'],
];

const QUIET_BANS: readonly Ban[] = [[/\bconsole\./, 'a library does not print: use the logger option']];
const RING_BANS: readonly Ban[] = [[/\bcommit\w*\(/i, '"commit" means Paxos only: rings publish']];

const TEST_BANS: readonly Ban[] = [
  [/^export default\b/, 'export by name'],
  [/\.only\(/, 'a focused test hides the others'],
  [/setTimeout\((?:r|res|resolve|done|settle)\b/, 'do not sleep: wait for the event'],
];

/** On whole lines of any text file, comments included. */
const TEXT_BANS: readonly Ban[] = [
  // reason: the rules name what they ban
  [/\b(?:TODO|FIXME|XXX|HACK)\b/, 'finish it, or write down the limit'],
  [/(?:^|[^\w.])\/(?:home|Users|root|work|mnt)\/[\w.-]+/, "no path of one person's machine"],
  // reason: see above
  [/@ts-ignore|@ts-nocheck/, 'mend the type'],
  [/biome-ignore [^:]*$|biome-ignore [^:]*: *(?:<explanation>)?$/, 'a suppression says why'],
];

export const coreViolations = (file: SourceFile): string[] => banned(file, file.codeLines, CORE_BANS);
export const testViolations = (file: SourceFile): string[] => banned(file, file.codeLines, TEST_BANS);
export const textViolations = (file: SourceFile): string[] => banned(file, file.lines, TEXT_BANS);

export function sourceViolations(file: SourceFile): string[] {
  const bans = [...SOURCE_BANS];
  if (/^src\/memory\/.*(?:ring|lane)/.test(file.path)) bans.push(...RING_BANS);
  if (!file.path.startsWith('src/cli/')) bans.push(...QUIET_BANS);
  return banned(file, file.codeLines, bans);
}

export function hotViolations(file: SourceFile): string[] {
  if (!file.isHot) return [];
  return [...banned(file, withoutConstructors(file.codeLines), HOT_BANS), ...tryInLoopViolations(file)];
}

/** Constructors run at start, where allocating is right: their lines are blanked. */
function withoutConstructors(lines: readonly string[]): string[] {
  let closing = '';
  return lines.map((line) => {
    const opening = /^(\s*)constructor\(.*[{(]$/.exec(line);
    if (opening !== null) closing = `${opening[1]}}`;
    const isInside = closing !== '';
    if (line === closing) closing = '';
    return isInside ? '' : line;
  });
}

function banned(file: SourceFile, lines: readonly string[], bans: readonly Ban[]): string[] {
  const violations: string[] = [];
  for (const [index, line] of lines.entries()) {
    for (const [pattern, advice] of bans) {
      if (pattern.test(line) && !isExcused(file, index)) violations.push(`${file.path}:${index + 1}: ${advice}`);
    }
  }
  return violations;
}

function isExcused(file: SourceFile, index: number): boolean {
  return /\breason:/.test(`${file.lines[index - 1] ?? ''}\n${file.lines[index]}`);
}

/** Follows the blocks of a formatted file: a line that ends with `{` opens one, a line that starts with `}` closes one. */
function tryInLoopViolations(file: SourceFile): string[] {
  const violations: string[] = [];
  const isLoop: boolean[] = [];
  for (const [index, line] of file.codeLines.entries()) {
    const code = line.trim();
    if (code.startsWith('}')) isLoop.pop();
    if (/\btry \{/.test(code) && isLoop.includes(true) && !isExcused(file, index)) {
      violations.push(`${file.path}:${index + 1}: no try inside a loop`);
    }
    if (code.endsWith('{')) isLoop.push(/^(?:for|while|do)\b/.test(code));
  }
  return violations;
}

/** Messages of assertions are constant: a template costs garbage even when the condition holds. */
export function assertMessageViolations(file: SourceFile): string[] {
  const violations: string[] = [];
  for (const [index, line] of file.codeLines.entries()) {
    if (!/(?:^|[^.\w])(?:assert|requires|ensures|unreachable)\(/.test(line)) continue;
    let end = index;
    while (end < file.codeLines.length - 1 && !(file.codeLines[end] as string).includes(';')) end++;
    const call = file.codeLines.slice(index, end + 1).join('\n');
    if (call.includes('`')) violations.push(`${file.path}:${index + 1}: the message of an assertion is a constant`);
  }
  return violations;
}

export function headerViolations(file: SourceFile): string[] {
  const hasHeader = /^(?:#!.*\n)?\/\*\*/.test(file.text);
  return hasHeader ? [] : [`${file.path}: open with a header comment: the job, the place in the flow`];
}

export function sizeViolations(file: SourceFile): string[] {
  const violations = functionSizes(file)
    .filter(({ size }) => size > FUNCTION_LINES_MAX)
    .map(
      ({ line, size }) => `${file.path}:${line}: function of ${size} lines, at most ${FUNCTION_LINES_MAX}: split it`,
    );
  if (file.lines.length <= FILE_LINES_MAX) return violations;
  return [`${file.path}: ${file.lines.length} lines, at most ${FILE_LINES_MAX}: one job per file`, ...violations];
}

/** Functions of a formatted file: from the line that names one to the first `}` at the same indent. */
function functionSizes(file: SourceFile): { line: number; size: number }[] {
  const sizes: { line: number; size: number }[] = [];
  const lines = file.codeLines;
  for (const [index, line] of lines.entries()) {
    const isControl = /^\s*(?:\} )?(?:if|else|for|while|do|switch|try|catch|finally)\b/.test(line);
    if (isControl || !/\)[^()]*\{$|=> \{$|\w\($/.test(line)) continue;
    const indent = line.slice(0, line.search(/\S/));
    const next = (start: number, mark: string): number =>
      lines.findIndex(
        (other, at) => at > start && other.startsWith(indent + mark) && !/^\s/.test(other.slice(indent.length)),
      );
    let body = index;
    if (line.endsWith('(')) {
      body = next(index, ')');
      if (body < 0 || !(lines[body] as string).endsWith('{')) continue;
    }
    const end = next(body, '}');
    if (end >= 0) sizes.push({ line: index + 1, size: end - index + 1 });
  }
  return sizes;
}

/** Assertions and lines of code, for the density of a folder. */
export function assertCount(file: SourceFile): { asserts: number; codeLines: number } {
  const code = file.codeLines.filter((line) => line.trim() !== '');
  const calls = code.join('\n').match(/(?:^|[^.\w])(?<!function )(?:assert\w*|requires|ensures|unreachable)\(/gm);
  return { asserts: calls?.length ?? 0, codeLines: code.length };
}
