/**
 * The commands of `synod`, in the order in which the help shows them.
 */
import type { CommandTable } from './dispatch.ts';

export const COMMANDS: CommandTable = {
  demo: {
    summary: 'a cluster under load, a killed leader, a verified restart',
    load: async () => (await import('./demo.ts')).runDemo,
  },
  node: { summary: 'runs one node of a cluster', load: async () => (await import('./node.ts')).runNode },
  status: { summary: 'what a running node knows', load: async () => (await import('./status.ts')).runStatus },
  get: { summary: 'the value of a key (machine kv)', load: async () => (await import('./kv.ts')).runGet },
  put: { summary: 'sets a key (machine kv)', load: async () => (await import('./kv.ts')).runPut },
  delete: { summary: 'removes a key (machine kv)', load: async () => (await import('./kv.ts')).runDelete },
  increment: { summary: 'adds to a number (machine kv)', load: async () => (await import('./kv.ts')).runIncrement },
  propose: { summary: 'hands a command to any machine', load: async () => (await import('./propose.ts')).runPropose },
  read: { summary: 'asks any machine', load: async () => (await import('./propose.ts')).runRead },
  transfer: {
    summary: 'hands a shard to another node',
    load: async () => (await import('./operations.ts')).runTransfer,
  },
  snapshot: { summary: 'takes snapshots', load: async () => (await import('./snapshot.ts')).runSnapshot },
  log: {
    summary: 'inspects, verifies or dumps logs, without writing',
    load: async () => (await import('./log.ts')).runLog,
  },
  bench: {
    summary: 'puts and gets against running nodes (machine kv)',
    load: async () => (await import('./bench.ts')).runBench,
  },
  cert: {
    summary: 'makes development certificates',
    load: async () => (await import('./certificates.ts')).runCert,
  },
  config: {
    summary: 'checks or prints the configuration of a node or cluster',
    load: async () => (await import('./config.ts')).runConfig,
  },
};
