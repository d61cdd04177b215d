/**
 * The core alone: three pure replicas in one thread, one slot per batch of 100 commands. Figures count all three replicas
 * and the harness that carries messages between them; values are numbers, their bytes stay outside the core.
 *
 * The same case runs once more in a child process with contracts on: their price.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CONTRACTS } from '../src/base/assert.ts';
import { COMMAND_HEADER_BYTES } from '../src/memory/descriptor.ts';
import { CoreCluster } from './core-cluster.ts';
import { type BenchCase, type Context, type Subject, windowed } from './harness.ts';
import type { Figures, Row } from './row.ts';

const COMMANDS_PER_SLOT = 100;
const WINDOW_SLOTS = 50_000;
/** At 600,000 slots/s a tick of 10 ms passes every so many slots. */
const SLOTS_PER_TICK = 5000;
const WINDOW_SLOTS_MAX = 256;

export function paxosCases(): BenchCase[] {
  const cases = [
    windowed('paxos', 'pipeline-64', (context) => core(context, 64)),
    windowed('paxos', 'pipeline-1', (context) => core(context, 1)),
  ];
  return CONTRACTS ? cases : [...cases, { suite: 'paxos', name: 'pipeline-64-contracts', run: withContracts }];
}

/** Keeps `pipeline` slots in flight, and lets ticks pass as real time would bring them. */
function core({ settings }: Context, pipeline: number): Subject {
  const cluster = new CoreCluster(settings.replicas, settings.seed, WINDOW_SLOTS_MAX);
  cluster.elect();
  const valueBytes = COMMANDS_PER_SLOT * (COMMAND_HEADER_BYTES + settings.payload);
  return {
    operation: 'commands',
    window() {
      for (let slots = 0; slots < WINDOW_SLOTS; ) {
        const before = slots;
        slots += cluster.propose(Math.min(pipeline, WINDOW_SLOTS - slots), valueBytes);
        if (Math.floor(slots / SLOTS_PER_TICK) > Math.floor(before / SLOTS_PER_TICK)) cluster.tick();
        cluster.settle();
      }
      return WINDOW_SLOTS * COMMANDS_PER_SLOT;
    },
    hash: () => Math.imul(cluster.messages, 31) + cluster.replicas[settings.replicas - 1].commitWatermark,
    figures: (commands, seconds) => ({
      replicas: settings.replicas,
      payloadBytes: settings.payload,
      commandsPerSlot: COMMANDS_PER_SLOT,
      slotsPerSecond: commands / COMMANDS_PER_SLOT / seconds,
      nsPerSlot: (seconds * 1e9 * COMMANDS_PER_SLOT) / commands,
      contracts: CONTRACTS,
    }),
  };
}

async function withContracts({ settings }: Context): Promise<Figures> {
  const main = fileURLToPath(new URL(import.meta.url)).replace(/paxos\.bench(\.[jt]s)$/, 'main$1');
  const args = ['paxos', '--only', 'pipeline-64', '--json', '--replicas', `${settings.replicas}`];
  args.push('--seconds', `${settings.seconds}`, '--payload', `${settings.payload}`, '--seed', `${settings.seed}`);
  const env = { ...process.env, SYNOD_CONTRACTS: '1' };
  const text = execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', env });
  const { name, ok, suite, case: _case, ...figures } = JSON.parse(text) as Row;
  if (!ok || name !== 'bench' || suite !== 'paxos') throw new Error(`the run with contracts failed: ${text}`);
  return figures;
}
