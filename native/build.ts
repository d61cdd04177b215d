/**
 * Compiles the addon with nothing but a C++17 compiler: native/src → native/build/<platform>-<arch>.node.
 *
 *   --double: the same sources over the test medium of test/native/double → dist/test/native/double.node
 *   --bare: the bare paths that the bench compares with, bench/bare → dist/bench/bare.node
 *
 * Part of `npm run build`. It never fails the build, unless NATIVE=required: without an addon the TypeScript fallbacks are
 * used. Prints one line on what happened. Runs from dist/native; finds its package by the nearest package.json above.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FLAGS: readonly string[] = [
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-fno-exceptions',
  '-DNAPI_VERSION=8',
  '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
  '-DNODE_GYP_MODULE_NAME=synod',
  '-s',
  '-pthread',
  ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
];

function main(): void {
  const root = findPackage(dirname(fileURLToPath(import.meta.url)));
  const outcome = buildAddon(chosenBuild(root, process.argv));
  console.log(`native addon: ${outcome.text}`);
  if (!outcome.isUsable && process.env['NATIVE'] === 'required') process.exitCode = 1;
}

interface Build {
  root: string;
  target: string;
  /** Files to compile, and what else the target depends on. */
  units: string[];
  inputs: string[];
  flags: string[];
}

function chosenBuild(root: string, args: readonly string[]): Build {
  const sources = listFiles(join(root, 'native', 'src'));
  const headers = [...listFiles(join(root, 'native', 'include')), ...sources];
  const units = sources.filter(isUnit);
  if (args.includes('--double')) return doubleOf(root, units, headers);
  if (args.includes('--bare')) return bareOf(root, units, headers);
  const target = join(root, 'native', 'build', `${process.platform}-${process.arch}.node`);
  return { root, target, units, inputs: headers, flags: [] };
}

/** The linker gives the named calls of the addon to the double, which nothing in the sources knows. */
function doubleOf(root: string, units: string[], headers: string[]): Build {
  const files = listFiles(join(root, 'test', 'native', 'double'));
  const wraps = readFileSync(join(root, 'test', 'native', 'double', 'wraps.txt'), 'utf8')
    .trimEnd()
    .split('\n');
  return {
    root,
    target: join(root, 'dist', 'test', 'native', 'double.node'),
    units: [...units, ...files.filter(isUnit)],
    inputs: [...headers, ...files],
    flags: wraps.map((name) => `-Wl,--wrap=${name}`),
  };
}

function bareOf(root: string, units: string[], headers: string[]): Build {
  const shared = units.filter((file) => ['uring.cc', 'persist.cc'].includes(basename(file)));
  const own = listFiles(join(root, 'bench', 'bare')).filter(isUnit);
  const target = join(root, 'dist', 'bench', 'bare.node');
  return { root, target, units: [...shared, ...own], inputs: [...headers, ...own], flags: [] };
}

function isUnit(file: string): boolean {
  return file.endsWith('.cc');
}

function buildAddon({ root, target, units, inputs, flags }: Build): { isUsable: boolean; text: string } {
  if (units.length === 0) return { isUsable: false, text: 'no sources; TypeScript fallbacks are used, slower' };
  const name = basename(target);
  if (isNewer(target, [...inputs, join(root, 'native', 'build.ts')]))
    return { isUsable: true, text: `${name} is up to date` };

  const require = createRequire(join(root, 'package.json'));
  const includes: string[] = [];
  try {
    includes.push(dirname(require.resolve('node-addon-api/package.json')));
    includes.push(join(dirname(require.resolve('node-api-headers/package.json')), 'include'));
  } catch {
    return { isUsable: false, text: 'node-addon-api is not installed; TypeScript fallbacks are used, slower' };
  }
  includes.push(join(root, 'native', 'include'), join(root, 'native', 'src'));
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  const startedAt = new Date();
  const result = compile([...FLAGS, ...flags, ...includes.map((path) => `-I${path}`), '-o', temporary, ...units]);
  if (result.compiler === undefined || result.errors !== '') {
    rmSync(temporary, { force: true });
    rmSync(target, { force: true }); // an addon older than its sources is worse than none
    const reason = result.compiler === undefined ? 'no compiler' : `${result.compiler} failed`;
    return { isUsable: false, text: `${reason}; TypeScript fallbacks are used, slower${result.errors}` };
  }
  utimesSync(temporary, startedAt, startedAt); // a source edited during the build is newer
  renameSync(temporary, target);
  const seconds = ((Date.now() - startedAt.getTime()) / 1000).toFixed(1);
  return { isUsable: true, text: `built ${name} with ${result.compiler} in ${seconds} s` };
}

/** Uses the first compiler that exists; `errors` is its output where it failed. */
function compile(args: string[]): { compiler: string | undefined; errors: string } {
  for (const compiler of [process.env['CXX'], 'c++', 'g++', 'clang++']) {
    if (compiler === undefined || compiler === '') continue;
    const run = spawnSync(compiler, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    if (run.error !== undefined) continue;
    return { compiler, errors: run.status === 0 ? '' : `\n${run.stderr || `ended by ${run.signal}`}` };
  }
  return { compiler: undefined, errors: '' };
}

function isNewer(target: string, inputs: string[]): boolean {
  if (!existsSync(target)) return false;
  const builtMs = statSync(target).mtimeMs;
  return inputs.every((file) => !existsSync(file) || statSync(file).mtimeMs <= builtMs);
}

function listFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function findPackage(start: string): string {
  let directory = start;
  while (!existsSync(join(directory, 'package.json'))) {
    if (dirname(directory) === directory) throw new Error(`no package.json above ${start}`);
    directory = dirname(directory);
  }
  return directory;
}

main();
