/** The house rules can fail: each is shown what it must find, and what it must leave alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as rules from '../house/rules.ts';
import { parse } from '../house/source-file.ts';
import { importCycles, outboxViolations, storeyViolations } from '../house/storeys.ts';

const HOT = '/**\n * Job.\n * @hot\n */\n';
const ABSENT_MARKER = ['TO', 'DO'].join('');
const FOREIGN_PATH = ['', 'home', 'someone', 'x'].join('/');

type Rule = (file: ReturnType<typeof parse>) => string[];

const test = suite('house');

/** Every bad snippet gives exactly one violation, every good one none. */
function separates(rule: Rule, path: string, bad: readonly string[], good: readonly string[]): void {
  for (const text of bad) assert.is(rule(parse(path, text)).length, 1, `must be found: ${text}`);
  for (const text of good) assert.equal(rule(parse(path, text)), [], `must pass: ${text}`);
}

test('storeys', () => {
  separates(
    storeyViolations,
    'src/paxos/replica.ts',
    [
      "import { Ring } from '../memory/ring.ts';",
      "import type { Ring } from '../memory/ring.ts';",
      "import {\n  one,\n  two,\n} from '../wire/frame.ts';",
      "import { readFileSync } from 'node:fs';",
      "import 'piscina';",
      "export { Ring } from '../memory/ring.ts';",
      "const ring = await import('../memory/ring.ts');",
    ],
    ["import { align } from '../base/bits.ts';\nimport { A } from '../limits.ts';\nimport { B } from './ballot.ts';"],
  );
  separates(
    storeyViolations,
    'src/engine/client.ts',
    ["import { GroupDriver } from '../runtime/group-driver.ts';", "import { Piscina } from 'other';"],
    [
      "import type { GroupDriver } from '../runtime/group-driver.ts';\nimport { Piscina } from 'piscina';",
      "import { type GroupDriver, type Other } from '../runtime/group-driver.ts';\nimport { on } from 'node:events';",
    ],
  );
  assert.match(storeyViolations(parse('src/stray/file.ts', ''))[0] as string, /no storey/);
});

test('one reader of the Outbox', () => {
  const text = "import { Outbox } from '../paxos/outbox.ts';";
  assert.is(outboxViolations(parse('src/runtime/applier.ts', text)).length, 1);
  assert.equal(outboxViolations(parse('src/runtime/group-driver.ts', text)), []);
});

test('import cycles', () => {
  const a = parse('src/base/a.ts', "import { b } from './b.ts';");
  const b = parse('src/base/b.ts', "import { c } from './c.ts';");
  assert.equal(importCycles([a, b, parse('src/base/c.ts', "import { a } from './a.ts';")]), [
    'src/base/a.ts → src/base/b.ts → src/base/c.ts → src/base/a.ts',
  ]);
  assert.equal(importCycles([a, b, parse('src/base/c.ts', "import type { a } from './a.ts';")]), []);
});

test('a pure core', () => {
  separates(
    rules.coreViolations,
    'src/paxos/replica.ts',
    [
      'async function f() {}',
      'const t = Date.now();',
      'Math.random();',
      'Atomics.load(words, 0);',
      'let slot = 5n;',
      'setTimeout(f, 1);',
      'console.error(1);',
    ],
    [
      '// a Promise, async and Date in a comment',
      "const text = 'await Promise';",
      '/* Atomics\n async */ const x = 1;',
    ],
  );
});

test('silent hot files', () => {
  separates(
    rules.hotViolations,
    'src/memory/ring.ts',
    [
      'const a = 12n;',
      'call(...rest);',
      'bytes.subarray(1);',
      'for (const x of list) f(x);',
      'list.forEach(f);',
      'for (;;) {\n  if (x) {\n    try {\n    } catch {\n    }\n  }\n}',
    ].map((text) => HOT + text),
    [
      HOT + 'for (let i = 0; i < 9; i++) f(i);',
      HOT + 'try {\n  f();\n} finally {\n  for (;;) {\n    g();\n  }\n}',
      HOT + 'class A {\n  constructor(a: B) {\n    for (const x of a) f(...x);\n  }\n}',
      HOT + '// reason: runs once\ncall(...rest);',
      'for (const x of list) f(...x);',
    ],
  );
  const after = `${HOT}class A {\n  constructor(a: B) {\n    f(a);\n  }\n  g() {\n    h(...x);\n  }\n}`;
  assert.is(rules.hotViolations(parse('src/memory/ring.ts', after)).length, 1);
});

test('constant messages of assertions', () => {
  separates(
    rules.assertMessageViolations,
    'src/log/log.ts',
    ['assert(a, `b ${c}`);', 'requires(\n  a,\n  `b`,\n);'],
    ["assert(a, 'b');\nconst text = `c`;", 'throw new Error(`c`);', 'other.assert(a, `b`);', 'assertPowerOfTwo(`b`);'],
  );
});

test('names, numbers and exports of sources', () => {
  separates(
    rules.sourceViolations,
    'src/memory/ring.ts',
    [
      'export default f;',
      'console.log(1);',
      'ring.commit();',
      'const x = commitIndex;',
      'wait(65536);',
      'wait(1_000_000);',
    ],
    ['const WAIT_US_MAX = 65536;', 'wait(1000);', 'const mask = 0x1fffff;', '// console.log, 65536', "f('commit(');"],
  );
  assert.equal(rules.sourceViolations(parse('src/cli/main.ts', 'console.log(1);')), []);
  assert.equal(rules.sourceViolations(parse('src/memory/status-block.ts', 'this.commit();')), []);
});

test('tests neither focus nor sleep', () => {
  separates(
    rules.testViolations,
    'test/unit/a.test.ts',
    ["test.only('a', f);", 'await new Promise((resolve) => setTimeout(resolve, 100));', 'export default f;'],
    ['const timer = setTimeout(() => reject(late), LIMIT_MS);', '// test.only(', "test('a', f);"],
  );
});

test('texts are finished and at home anywhere', () => {
  separates(
    rules.textViolations,
    'src/DESIGN.md',
    [
      `${ABSENT_MARKER}: later`,
      `see ${FOREIGN_PATH}`,
      ['// @ts', 'ignore'].join('-'),
      ['// biome', 'ignore lint/x'].join('-'),
    ],
    [
      'see https://example.org/work/item',
      'ratio of log/work/total',
      `// ${['biome', 'ignore'].join('-')} lint/x: because`,
    ],
  );
});

test('headers', () => {
  separates(
    rules.headerViolations,
    'src/a.ts',
    ["import 'b';", '// job'],
    ['/** Job. */', '#!/usr/bin/env node\n/** Job. */'],
  );
});

test('sizes of files and functions', () => {
  const body = (count: number) => '  f();\n'.repeat(count);
  separates(
    rules.sizeViolations,
    'src/a.ts',
    [
      'f();\n'.repeat(401),
      `function g() {\n${body(69)}}\n`,
      `export const g = (a: number) => {\n${body(69)}};\n`,
      `function g(\n  a: number,\n): void {\n${body(68)}}\n`,
      `class A {\n  g(a: number): void {\n${body(69)}  }\n}\n`,
    ],
    [
      'f();\n'.repeat(400),
      `function g() {\n${body(68)}}\nfunction h() {\n${body(60)}}\n`,
      `class A {\n${'  f() {}\n'.repeat(100)}}\n`,
      `call(\n${body(80)});\n`,
    ],
  );
});

test('assertions are counted in code, not in comments or definitions', () => {
  const text = "// assert(a)\nassert(a, 'b');\nfunction requires(a) {}\n\nassertPowerOfTwo(a);\nother.assert(a);\n";
  assert.equal(rules.assertCount(parse('src/a.ts', text)), { asserts: 2, codeLines: 4 });
});

test('strings, comments and regular expressions are told from code', () => {
  const code = (text: string) => parse('src/a.ts', text).codeLines.join('\n').replace(/ +/g, ' ');
  assert.is(code("a('// no'); b"), "a(' '); b");
  assert.is(code('a / b; c / d;'), 'a / b; c / d;');
  assert.is(code("x.replace(/'/g, y); z('w')"), "x.replace( , y); z(' ')");
  assert.is(code('`a\nb` c'), '` \n ` c');
});

test.run();
