/**
 * `npm run mutate [-- PART…]`: makes each mutation in a copy of the compiled tree and runs what must notice it. Prints survivors
 * and mutations whose text is gone; exits 1 if there is either. PART filters by file or reason.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLIENT_MUTATIONS } from './client-mutations.ts';
import { LINK_MUTATIONS } from './link-mutations.ts';
import type { Mutation } from './mutation.ts';
import { MUTATIONS } from './mutations.ts';
import { TRANSPORT_MUTATIONS } from './transport-mutations.ts';

const SEEDS = 40;
const SIM_TICKS = 3000;
/** Longer than the runner's patience with one suite: it ends its child itself, where a mutation made a test wait for ever. */
const KILL_MS = 240_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const copy = join(root, '.mutants');
const parts = process.argv.slice(2);
const wanted = [...MUTATIONS, ...TRANSPORT_MUTATIONS, ...CLIENT_MUTATIONS, ...LINK_MUTATIONS].filter(({ file, why }) =>
  parts.every((part) => `${file} ${why}`.includes(part)),
);

rmSync(copy, { recursive: true, force: true });
mkdirSync(copy);
cpSync(join(root, 'package.json'), join(copy, 'package.json'));
cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
const sources = ['test', 'src', 'workers', 'bench', 'native'];
for (const folder of sources) cpSync(join(root, folder), join(copy, folder), { recursive: true });

let killed = 0;
const survivors: string[] = [];
for (const mutation of wanted) {
  const verdict = tryOut(mutation);
  console.log(`${verdict.padEnd(9)} ${mutation.file.padEnd(34)} ${mutation.why}`);
  if (verdict === 'killed') killed += 1;
  else survivors.push(`${verdict}: ${mutation.file}: ${mutation.why}`);
}
rmSync(copy, { recursive: true, force: true });
for (const survivor of survivors) console.log(survivor);
console.log(`${killed} passed, ${survivors.length} failed`);
process.exitCode = survivors.length > 0 ? 1 : 0;

function tryOut(mutation: Mutation): 'killed' | 'survived' | 'stale' {
  const path = join(copy, 'dist', mutation.file);
  const original = readFileSync(path, 'utf8');
  if (original.split(mutation.find).length !== 2) return 'stale';
  writeFileSync(
    path,
    original.replace(mutation.find, () => mutation.replace),
  );
  try {
    return mutation.killers.some((killer) => !passes(killer)) ? 'killed' : 'survived';
  } finally {
    writeFileSync(path, original);
  }
}

function passes(killer: string): boolean {
  const args =
    killer === 'sim'
      ? [join(copy, 'dist/test/mutate/some-seeds.js'), String(SEEDS), String(SIM_TICKS)]
      : [join(copy, 'dist/test/run.js'), killer];
  const run = spawnSync(process.execPath, args, {
    env: { ...process.env, SYNOD_CONTRACTS: '1' },
    timeout: KILL_MS,
    stdio: 'ignore',
  });
  return run.status === 0;
}
