#!/usr/bin/env node
/**
 * The `synod` command. Each sub-command is a file of its own, loaded when it is asked for.
 */
import { SynodError } from '../base/errors.ts';
import { FlagError } from './flags.ts';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

const HELP = [
  'synod: embeddable replicated state machine',
  '',
  '  synod demo [flags]   a cluster under load, a killed leader, a verified restart; synod demo --help tells the flags',
  '  synod --help         this text',
].join('\n');

async function main([command, ...args]: string[]): Promise<number> {
  if (command === undefined || command === '--help' || command === 'help') {
    console.log(HELP);
    return command === undefined ? EXIT_USAGE : EXIT_OK;
  }
  if (command !== 'demo') throw new FlagError(command, 'unknown command; allowed are demo, --help');
  const { runDemo } = await import('./demo.ts');
  return await runDemo(args);
}

// Whoever read the output went away: the run still ends in order and cleans up.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof FlagError) console.error(`synod: ${error.message}`);
  else if (error instanceof SynodError) console.error(`synod: ${error.code}: ${error.message}`);
  else console.error(error);
  process.exitCode = error instanceof FlagError ? EXIT_USAGE : EXIT_FAILED;
}
