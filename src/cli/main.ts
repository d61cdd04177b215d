#!/usr/bin/env node
/**
 * The `synod` command. Each sub-command is a file of its own, loaded when it is asked for.
 */
import { COMMANDS } from './commands.ts';
import { dispatch } from './dispatch.ts';
import { describeError, exitCodeOf } from './exit-codes.ts';

// Whoever read the output went away: the run still ends in order and cleans up.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const args = process.argv.slice(2);
try {
  if (args.length === 0 || args[0] === '--help') console.log('synod: embeddable replicated state machine\n');
  process.exitCode = await dispatch('synod', COMMANDS, args);
} catch (error) {
  console.error(describeError(error, args.includes('--json')));
  process.exitCode = exitCodeOf(error);
}
