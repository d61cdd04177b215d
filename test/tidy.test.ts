/**
 * The house rules as tests over the sources: storeys, purity of the core, silence of the heap, sizes, names, evidence.
 * The rules are in `house/`, each with its own test in `unit/house.test.ts`. Numbers below are ratchets: they only improve.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contractViolations } from './house/contracts.ts';
import * as rules from './house/rules.ts';
import { loadTree, type SourceFile } from './house/source-file.ts';
import { importCycles, outboxViolations, storeyViolations } from './house/storeys.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROTOCOL = join(ROOT, 'src/paxos/PROTOCOL.md');
const LAYOUT_GENERATOR = join(ROOT, 'dist/native/generate-layout.js');

const TOP_LEVEL = ['package.json', 'tsconfig.json', 'src', 'workers', 'native', 'bench', 'test', 'README.md'];
const TOP_LEVEL_ALSO = ['package-lock.json', 'biome.json', 'CHANGELOG.md', 'LICENSE'];
const TOP_LEVEL_UNTRACKED = ['node_modules', 'dist', 'coverage', 'prebuilds'];

/** Assertions per thousand lines of code, at least; the aim in paxos and memory is 60. */
const ASSERT_DENSITY: Readonly<Record<string, number>> = {
  'src/paxos/': 44,
  'src/memory/': 60,
  'src/log/': 25,
  'src/runtime/': 12,
};
/**
 * Sources that have run-time code and no unit test of their own yet. Those of the runtime are driven as a whole by
 * test/unit/runtime/replica-host.test.ts, by the simulator and by the integration tests.
 */
const WITHOUT_TWIN: readonly string[] = ['src/index.ts'];

const sources = loadTree(ROOT, ['src', 'workers'], ['.ts']);
const tests = loadTree(ROOT, ['test'], ['.ts']);
const programs = [...sources, ...tests, ...loadTree(ROOT, ['native', 'bench'], ['.ts'])];
const texts = loadTree(
  ROOT,
  TOP_LEVEL.filter((name) => !name.includes('.')),
  ['.ts', '.md', '.cc', '.h', '.json', '.gyp', '.txt'],
);

const test = suite('tidy');

function holds(files: readonly SourceFile[], rule: (file: SourceFile) => string[]): void {
  none(files.flatMap(rule));
}

function none(violations: readonly string[]): void {
  if (violations.length === 0) return;
  const error = new Error(`${violations.length} to mend:\n    ${violations.join('\n    ')}`);
  error.stack = ''; // the way here tells nothing
  throw error;
}

const inFolder = (prefix: string) => sources.filter((file) => file.path.startsWith(prefix));

test('the tree was found', () => {
  assert.ok(sources.length > 10 && tests.length > 10, `${sources.length} sources, ${tests.length} tests in ${ROOT}`);
});

test('every file imports only what its storey may', () => holds(sources, storeyViolations));
test('only group-driver reads the Outbox', () => holds(sources, outboxViolations));
test('no import cycles', () => none(importCycles(sources)));
test('the core is pure', () => holds(inFolder('src/paxos/'), rules.coreViolations));
test('hot files allocate nothing that a line can show', () => holds(programs, rules.hotViolations));
test('messages of assertions are constant', () => holds(sources, rules.assertMessageViolations));
test('sources: names, numbers, exports', () => holds(sources, rules.sourceViolations));
test('tests: nothing focused, nothing asleep', () => holds(tests, rules.testViolations));
test('texts: nothing unfinished, no private path, no silent suppression', () => holds(texts, rules.textViolations));
test('one job per file, functions that fit a screen', () => holds(programs, rules.sizeViolations));

test('every file opens with its header', () => {
  holds(
    programs.filter(({ path }) => !path.endsWith('.test.ts')),
    rules.headerViolations,
  );
});

test('the top level stays as prescribed', () => {
  const allowed = [...TOP_LEVEL, ...TOP_LEVEL_ALSO, ...TOP_LEVEL_UNTRACKED];
  const entries = readdirSync(ROOT).filter((name) => !name.startsWith('.'));
  none(entries.filter((name) => !allowed.includes(name)).map((name) => `${name}: move it into a folder`));
});

for (const [folder, floor] of Object.entries(ASSERT_DENSITY)) {
  test(`${folder} has ${floor} assertions per thousand lines`, () => {
    const counts = inFolder(folder)
      .filter(hasCode)
      .map((file) => ({ path: file.path, ...rules.assertCount(file) }));
    const asserts = counts.reduce((sum, count) => sum + count.asserts, 0);
    const codeLines = counts.reduce((sum, count) => sum + count.codeLines, 0);
    if (1000 * asserts >= floor * codeLines) return;
    const perFile = counts.map((file) => `${file.path}: ${((1000 * file.asserts) / file.codeLines).toFixed(0)}`);
    none([`${folder}: ${((1000 * asserts) / codeLines).toFixed(1)} in all`, ...perFile]);
  });
}

/** True for files with more than types, constants and re-exports. */
function hasCode({ codeLines }: SourceFile): boolean {
  return codeLines.some((line) => /^(?:export )?(?:abstract )?(?:async )?(?:function|class)\b|=> \{$/.test(line));
}

test('every source has a unit test of the same name', () => {
  const missing = sources
    .filter((file) => file.path.startsWith('src/') && hasCode(file))
    .filter(({ path }) => !existsSync(join(ROOT, twin(path))))
    .map(({ path }) => path);
  none(missing.filter((path) => !WITHOUT_TWIN.includes(path)).map((path) => `${path}: write ${twin(path)}`));
  const done = WITHOUT_TWIN.filter((path) => existsSync(join(ROOT, twin(path))));
  none(done.map((path) => `${path}: has its test now, take it off WITHOUT_TWIN`));
});

const twin = (path: string): string => path.replace(/^src\//, 'test/unit/').replace(/\.ts$/, '.test.ts');

if (existsSync(PROTOCOL)) {
  test('every invariant of PROTOCOL.md is in code and in a test', () => {
    const invariants = new Set(readFileSync(PROTOCOL, 'utf8').match(/\bI\d+\b/g));
    assert.ok(invariants.size > 0);
    none([...invariants].flatMap((name) => invariantViolations(name)));
  });
}

test('every contract of the core and the runtime is named by its tests', () => {
  none(contractViolations([...inFolder('src/paxos/'), ...inFolder('src/runtime/')], tests));
});

function invariantViolations(name: string): string[] {
  const pattern = new RegExp(`\\b${name}\\b`);
  const violations = inFolder('src/paxos/').some(({ text }) => pattern.test(text)) ? [] : [`${name}: in no source`];
  return tests.some(({ text }) => pattern.test(text)) ? violations : [...violations, `${name}: in no test`];
}

if (existsSync(join(ROOT, 'native/generate-layout.ts'))) {
  test('the generated C++ layout is up to date', () => {
    const run = spawnSync(process.execPath, [LAYOUT_GENERATOR, '--check'], { encoding: 'utf8' });
    assert.is(run.status, 0, `run node ${LAYOUT_GENERATOR}\n${run.stdout}${run.stderr}`);
  });
}

test.run();
