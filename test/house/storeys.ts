/**
 * Who may import whom. A file belongs to the first storey whose prefix it has, and may import its own storey,
 * what `may` names (a prefix or a file), and from `types` with `import type` only.
 *
 *   base ◀─ limits ◀─ paxos, memory ◀─ wire ◀─ log, transport ◀─ runtime ◀─ workers
 *                                   machines ─▶ runtime/state-machine
 *   engine ─▶ config, memory, types of runtime;  index ─▶ engine;  cli ─▶ index
 */
import type { SourceFile } from './source-file.ts';

interface Storey {
  prefix: string;
  may: readonly string[];
  types?: readonly string[];
  /** `node:` modules are allowed. */
  node?: boolean;
  packages?: readonly string[];
}

const GROUND = ['src/base/', 'src/limits.ts'];
const PROTOCOL_WORDS = ['src/paxos/message.ts', 'src/paxos/ballot.ts', 'src/paxos/configuration.ts'];
const LEAVES = [...GROUND, 'src/memory/', 'src/wire/', ...PROTOCOL_WORDS, 'src/native-binding.ts'];

const STOREYS: readonly Storey[] = [
  { prefix: 'src/base/', may: [] },
  { prefix: 'src/limits.ts', may: ['src/base/'] },
  { prefix: 'src/paxos/', may: GROUND },
  { prefix: 'src/memory/', may: GROUND, types: ['src/native-binding.ts'], node: true },
  {
    prefix: 'src/wire/',
    may: [...GROUND, 'src/paxos/message.ts', 'src/memory/descriptor.ts'],
    types: ['src/native-binding.ts'],
  },
  { prefix: 'src/native-binding.ts', may: [...GROUND, 'src/memory/descriptor.ts'], node: true },
  { prefix: 'src/log/', may: LEAVES, node: true },
  { prefix: 'src/transport/', may: LEAVES, types: ['workers/worker-data.ts'], node: true },
  { prefix: 'src/machines/', may: [...GROUND, 'src/runtime/state-machine.ts'] },
  {
    prefix: 'src/runtime/',
    may: [...LEAVES, 'src/paxos/', 'src/log/', 'src/transport/'],
    types: ['workers/worker-data.ts'],
    node: true,
  },
  { prefix: 'src/config', may: GROUND, node: true, packages: ['yaml'] },
  {
    prefix: 'src/engine/',
    // It picks the wake primitive of the process, and refuses a machine that cannot be loaded before it starts a thread.
    may: [
      ...GROUND,
      'src/config.ts',
      'src/memory/',
      'src/native-binding.ts',
      'src/runtime/load-machine.ts',
      'src/runtime/state-machine.ts',
      'src/transport/link-status.ts',
      'src/transport/tls-material.ts',
    ],
    types: ['src/runtime/', 'src/native-binding.ts', 'workers/worker-data.ts'],
    node: true,
    packages: ['piscina'],
  },
  {
    prefix: 'src/index.ts',
    may: [
      'src/engine/',
      'src/config.ts',
      'src/base/errors.ts',
      'src/runtime/state-machine.ts',
      'src/machines/kv-commands.ts',
    ],
  },
  {
    prefix: 'src/cli/',
    // What a certificate must say is decided where it is checked; what stands in a log, where it is recovered.
    may: [
      ...GROUND,
      'src/index.ts',
      'src/config',
      'src/engine/',
      'src/machines/',
      'src/transport/tls-identity.ts',
      'src/log/log-inspection.ts',
      'src/log/damage-text.ts',
      'src/log/snapshot-inspection.ts',
      'src/wire/crc32c.ts',
    ],
    node: true,
    packages: ['selfsigned'],
  },
  {
    prefix: 'workers/',
    may: [...LEAVES, 'src/config.ts', 'src/runtime/', 'src/log/', 'src/transport/'],
    node: true,
    packages: ['piscina'],
  },
];

export function storeyViolations(file: SourceFile): string[] {
  const storey = STOREYS.find(({ prefix }) => file.path.startsWith(prefix));
  if (storey === undefined) return [`${file.path}: belongs to no storey`];
  return file.imports
    .filter(({ target, isTypeOnly }) => !isAllowed(storey, target, isTypeOnly))
    .map(({ target, line }) => `${file.path}:${line}: may not import ${target}`);
}

function isAllowed(storey: Storey, target: string, isTypeOnly: boolean): boolean {
  if (target.startsWith('node:')) return storey.node === true;
  if (!target.startsWith('src/') && !target.startsWith('workers/')) return storey.packages?.includes(target) ?? false;
  const allowed = [storey.prefix, ...storey.may, ...(isTypeOnly ? (storey.types ?? []) : [])];
  return allowed.some((prefix) => target.startsWith(prefix));
}

/** The driver, and the queue in which it keeps actions until they may go. */
const OUTBOX_READERS = ['src/runtime/group-driver', 'src/runtime/held-sends.ts'];

/** The Outbox has one reader: the order persist → send → apply → complete is decided in one file. */
export function outboxViolations(file: SourceFile): string[] {
  if (['src/paxos/', ...OUTBOX_READERS].some((prefix) => file.path.startsWith(prefix))) return [];
  return file.imports
    .filter(({ target }) => target === 'src/paxos/outbox.ts')
    .map(({ line }) => `${file.path}:${line}: only runtime/group-driver reads the Outbox`);
}

/** Import cycles, each as the path that closes it. Type-only imports are erased and cannot close one. */
export function importCycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (finished.has(path)) return;
    for (const { target, isTypeOnly } of byPath.get(path)?.imports ?? []) {
      if (!isTypeOnly && byPath.has(target)) visit(target, [...trail, path]);
    }
    finished.add(path);
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}
