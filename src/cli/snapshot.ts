/**
 * `synod snapshot …`: everything about snapshots that the command line can do.
 */
import { type CommandTable, dispatch } from './dispatch.ts';

const COMMANDS: CommandTable = {
  inspect: {
    summary: 'lists the snapshots in a directory',
    load: async () => (await import('./snapshot-inspect.ts')).runSnapshotInspect,
  },
  verify: {
    summary: 'reads every block of the snapshots in a directory',
    load: async () => (await import('./snapshot-inspect.ts')).runSnapshotVerify,
  },
  take: {
    summary: 'asks a running node for a snapshot',
    load: async () => (await import('./operations.ts')).runSnapshotTake,
  },
};

export async function runSnapshot(args: readonly string[]): Promise<number> {
  return await dispatch('synod snapshot', COMMANDS, args);
}
