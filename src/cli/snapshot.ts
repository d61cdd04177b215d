/**
 * `synod snapshot …`: everything about snapshots that the command line can do.
 */
import { type CommandTable, dispatch } from './dispatch.ts';

const COMMANDS: CommandTable = {
  take: {
    summary: 'asks a running node for a snapshot',
    load: async () => (await import('./operations.ts')).runSnapshotTake,
  },
};

export async function runSnapshot(args: readonly string[]): Promise<number> {
  return await dispatch('synod snapshot', COMMANDS, args);
}
