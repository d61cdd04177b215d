/**
 * A contract's trail: what a handler ensures is named by a unit test and by a property, what it requires by a unit test that
 * breaks it.
 */
import type { SourceFile } from './source-file.ts';

const ENSURES = /\bensures\s+([A-Z]\d+):/g;
const REQUIRES = /\brequires\([^;]*?'([A-Z]\d+):/g;

/** One line per contract number of `sources` that no test of its kind names. */
export function contractViolations(sources: readonly SourceFile[], tests: readonly SourceFile[]): string[] {
  const units = namesIn(tests, 'test/unit/');
  const properties = namesIn(tests, 'test/property/');
  const violations: string[] = [];
  for (const { path, text } of sources) {
    for (const name of numbers(text, ENSURES)) {
      if (!units.has(name)) violations.push(`${path}: no unit test names ${name}`);
      if (!properties.has(name)) violations.push(`${path}: no property names ${name}`);
    }
    for (const name of numbers(text, REQUIRES)) {
      if (!units.has(name)) violations.push(`${path}: no unit test breaks ${name}`);
    }
  }
  return violations;
}

function numbers(text: string, pattern: RegExp): Set<string> {
  return new Set([...text.matchAll(pattern)].map(([, name]) => name as string));
}

function namesIn(tests: readonly SourceFile[], folder: string): Set<string> {
  const texts = tests.filter(({ path }) => path.startsWith(folder)).map(({ text }) => text);
  return new Set(texts.flatMap((text) => text.match(/\b[A-Z]\d+\b/g) ?? []));
}
