/** The build of the addon, in a package of its own with a compiler that only records how it was called. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const PROGRAM = fileURLToPath(new URL('../../native/build.js', import.meta.url));
const NAME = `${process.platform}-${process.arch}.node`;
/** Writes its arguments, one a line, to the file named after -o. */
const RECORDER =
  '#!/bin/sh\nout=\nfor a in "$@"; do [ "$last" = -o ] && out=$a; last=$a; done\nprintf "%s\\n" "$@" > "$out"\n';
const BROKEN = '#!/bin/sh\necho "addon.cc:1: no such thing" >&2\nexit 1\n';

const test = suite<{ root: string }>('native/build');

test.before.each((context) => {
  const root = mkdtempSync(join(tmpdir(), 'synod-build-'));
  context.root = root;
  for (const folder of ['dist/native', 'native/src/log', 'native/include', 'bin', 'node_modules']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  cpSync(PROGRAM, join(root, 'dist/native/build.js'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  for (const name of ['node-addon-api', 'node-api-headers']) {
    mkdirSync(join(root, 'node_modules', name));
    writeFileSync(join(root, 'node_modules', name, 'package.json'), '{}');
  }
  for (const source of ['src/addon.cc', 'src/log/device.cc', 'src/log/device.h', 'include/layout.h']) {
    writeFileSync(join(root, 'native', source), '');
  }
});
test.after.each((context) => {
  rmSync(context.root, { recursive: true });
});

function build(root: string, compiler: string | undefined, environment: Record<string, string> = {}) {
  const path = join(root, 'bin', 'c++');
  if (compiler === undefined) rmSync(path, { force: true });
  else writeFileSync(path, compiler);
  if (compiler !== undefined) chmodSync(path, 0o755);
  const { stdout, status } = spawnSync(process.execPath, [join(root, 'dist/native/build.js')], {
    encoding: 'utf8',
    cwd: tmpdir(),
    env: { PATH: join(root, 'bin'), ...environment },
  });
  return { stdout, status, lines: stdout.trimEnd().split('\n').length };
}

const built = (root: string) => readFileSync(join(root, 'native/build', NAME), 'utf8').split('\n');

test('compiles every unit with all include folders and leaves nothing but the addon', ({ root }) => {
  const result = build(root, RECORDER);
  assert.match(result.stdout, new RegExp(`^native addon: built ${NAME} with c\\+\\+ in `));
  assert.is(result.lines, 1);
  assert.is(result.status, 0);
  const args = built(root);
  assert.equal(
    args.filter((arg) => arg.endsWith('.cc')),
    [join(root, 'native/src/addon.cc'), join(root, 'native/src/log/device.cc')],
  );
  const includes = ['node_modules/node-addon-api', 'node_modules/node-api-headers/include', 'native/include'];
  for (const folder of includes) assert.ok(args.includes(`-I${join(root, folder)}`), folder);
  for (const flag of ['-std=c++17', '-fno-exceptions', '-DNAPI_VERSION=8']) assert.ok(args.includes(flag), flag);
  assert.equal(readdirSync(join(root, 'native/build')), [NAME]);
});

test('is up to date until a source or header is newer', ({ root }) => {
  build(root, RECORDER);
  assert.match(build(root, BROKEN).stdout, /up to date/);
  const later = new Date(Date.now() + 60_000);
  utimesSync(join(root, 'native/include/layout.h'), later, later);
  assert.match(build(root, RECORDER).stdout, /built/);
});

test('prefers $CXX', ({ root }) => {
  const chosen = join(root, 'bin', 'chosen');
  writeFileSync(chosen, RECORDER);
  chmodSync(chosen, 0o755);
  assert.match(build(root, BROKEN, { CXX: chosen }).stdout, /built .* with .*chosen/);
});

test('without a compiler it says so and succeeds, unless NATIVE=required', ({ root }) => {
  const result = build(root, undefined);
  assert.is(result.stdout, 'native addon: no compiler; TypeScript fallbacks are used, slower\n');
  assert.is(result.status, 0);
  assert.is(build(root, undefined, { NATIVE: 'required' }).status, 1);
});

test('a failing compiler leaves no outdated addon, shows its words and succeeds, unless NATIVE=required', ({
  root,
}) => {
  build(root, RECORDER);
  const later = new Date(Date.now() + 60_000);
  utimesSync(join(root, 'native/src/addon.cc'), later, later);
  const result = build(root, BROKEN);
  assert.match(result.stdout, /c\+\+ failed; TypeScript fallbacks are used, slower\naddon\.cc:1: no such thing/);
  assert.is(result.status, 0);
  assert.equal(readdirSync(join(root, 'native/build')), []);
  assert.is(build(root, BROKEN, { NATIVE: 'required' }).status, 1);
});

test('without its headers or sources it succeeds and says so', ({ root }) => {
  rmSync(join(root, 'node_modules/node-api-headers'), { recursive: true });
  assert.match(build(root, RECORDER).stdout, /not installed/);
  rmSync(join(root, 'native'), { recursive: true });
  assert.match(build(root, RECORDER).stdout, /no sources/);
  assert.not(existsSync(join(root, 'native/build')));
});

test.run();
