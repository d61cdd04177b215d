/**
 * `synod propose | read`: bytes to whatever machine a running node has, and its answer.
 */
import { jsonBytes, readBytes } from './bytes-input.ts';
import { CLIENT_FLAGS, type CommandHelp, clientOf, commandHelp } from './client-flags.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_UNKNOWN, EXIT_USAGE } from './exit-codes.ts';
import { type FlagSetting, type FlagValues, parseCall } from './flags.ts';
import { CONSISTENCY_FLAG } from './kv.ts';

const BYTES_FLAGS: readonly FlagSetting[] = [
  { name: 'hex', default: false, allowed: '', doc: 'the bytes are given, and the answer printed, in hexadecimal' },
  ...CLIENT_FLAGS,
];

const PROPOSE: CommandHelp = {
  usage: 'synod propose <key> [command] [flags]',
  summary:
    "Hands a command to the machine of the key's shard; without one, or with -, the standard input. Prints the reply.",
  details: [
    'A command whose outcome is unknown (exit code 4) may have been applied: repeat only what may happen twice.',
  ],
  flags: BYTES_FLAGS,
  exits: [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY, EXIT_UNKNOWN],
};
const READ: CommandHelp = {
  usage: 'synod read <key> [query] [flags]',
  summary: "Asks the machine of the key's shard; without a query, or with -, the standard input. Prints the answer.",
  flags: [CONSISTENCY_FLAG, ...BYTES_FLAGS],
  exits: [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY],
};

export async function runPropose(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(PROPOSE.flags, args, ['key', 'command?']);
  if (values['help'] === true) return help(PROPOSE);
  const client = clientOf(values);
  const command = await readBytes(words[1], values['hex'] === true);
  print(values, await client.post('/propose', { key: words[0], timeout: client.timeoutMs }, command));
  return EXIT_OK;
}

export async function runRead(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(READ.flags, args, ['key', 'query?']);
  if (values['help'] === true) return help(READ);
  const client = clientOf(values);
  const query = await readBytes(words[1], values['hex'] === true);
  const consistency = values['consistency'] as string;
  print(values, await client.query('/read', { key: words[0], consistency, timeout: client.timeoutMs }, query));
  return EXIT_OK;
}

function print(values: FlagValues, reply: Uint8Array): void {
  if (values['json'] === true) console.log(JSON.stringify({ reply: jsonBytes(reply) }));
  else if (values['hex'] === true) console.log(Buffer.from(reply).toString('hex'));
  else process.stdout.write(reply);
}

function help(of: CommandHelp): number {
  console.log(commandHelp(of));
  return EXIT_OK;
}
