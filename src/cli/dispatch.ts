/**
 * From words to a command. A command is a function in a file of its own, loaded when it is asked for; a group (`config check`) is
 * a table again.
 */
import { nearest } from '../base/nearest.ts';
import { EXIT_OK, EXIT_USAGE } from './exit-codes.ts';
import { FlagError } from './flags.ts';

/** Gets the words behind its name; returns the exit code. */
export type Run = (args: readonly string[]) => Promise<number>;

export interface Entry {
  summary: string;
  load(): Promise<Run>;
}

export type CommandTable = Readonly<Record<string, Entry>>;

/** Runs the command that the first word names. `path` is what was typed before it. */
export async function dispatch(path: string, table: CommandTable, args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const [inner] = rest;
    if (name === 'help' && inner !== undefined) return await dispatch(path, table, [inner, '--help']);
    console.log(commandsHelp(path, table));
    return name === undefined ? EXIT_USAGE : EXIT_OK;
  }
  if (!Object.hasOwn(table, name)) throw unknownCommand(table, name);
  const run = await (table[name] as Entry).load();
  return await run(rest);
}

export function commandsHelp(path: string, table: CommandTable): string {
  const width = Math.max(...Object.keys(table).map((name) => name.length));
  const lines = Object.entries(table).map(([name, { summary }]) => `  ${path} ${name.padEnd(width)}  ${summary}`);
  return [...lines, '', `${path} <command> --help tells more.`].join('\n');
}

function unknownCommand(table: CommandTable, name: string): FlagError {
  const names = Object.keys(table);
  const near = nearest(name, names);
  const hint = near === undefined ? `allowed are ${names.join(', ')}` : `did you mean ${near}?`;
  return new FlagError(name.slice(0, 100), `unknown command; ${hint}`);
}
