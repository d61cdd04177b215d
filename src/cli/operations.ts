/**
 * `synod transfer` and `synod snapshot take`: what an operator asks of a running node.
 */
import { GROUPS_MAX, NODE_ID_MAX } from '../limits.ts';
import { CLIENT_FLAGS, type CommandHelp, clientOf, commandHelp } from './client-flags.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_RETRY, EXIT_UNKNOWN, EXIT_USAGE } from './exit-codes.ts';
import { FlagError, integerIn, parseCall } from './flags.ts';

const EXITS = [EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RETRY, EXIT_UNKNOWN];
const NOTHING = new Uint8Array(0);

const TRANSFER: CommandHelp = {
  usage: 'synod transfer <shard> <node> [flags]',
  summary: 'Asks the node that leads a shard to hand it over to another node. The status shows when that has happened.',
  flags: CLIENT_FLAGS,
  exits: EXITS,
};
const SNAPSHOT: CommandHelp = {
  usage: 'synod snapshot take [shard] [flags]',
  summary: 'Asks a node to take a snapshot of a shard, or of all. The status shows when it has.',
  flags: CLIENT_FLAGS,
  exits: EXITS,
};

export async function runTransfer(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(TRANSFER.flags, args, ['shard', 'node']);
  if (values['help'] === true) return help(TRANSFER);
  const shard = numberOf('<shard>', words[0], GROUPS_MAX - 1);
  const to = numberOf('<node>', words[1], NODE_ID_MAX);
  await clientOf(values).post('/transfer', { shard, to }, NOTHING);
  console.log(values['json'] === true ? JSON.stringify({ shard, to }) : `shard ${shard}: asked to go to ${to}`);
  return EXIT_OK;
}

export async function runSnapshotTake(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(SNAPSHOT.flags, args, ['shard?']);
  if (values['help'] === true) return help(SNAPSHOT);
  const shard = words[0] === undefined ? undefined : numberOf('<shard>', words[0], GROUPS_MAX - 1);
  const answer = Buffer.from(await clientOf(values).post('/snapshot', { shard }, NOTHING)).toString();
  const { shards } = JSON.parse(answer) as { shards: number[] };
  console.log(
    values['json'] === true ? JSON.stringify({ shards }) : `asked for a snapshot of shards ${shards.join(', ')}`,
  );
  return EXIT_OK;
}

function numberOf(name: string, word: string | undefined, max: number): number {
  const value = integerIn(0, max).parse?.(word ?? '');
  if (typeof value === 'number') return value;
  throw new FlagError(name, `'${word}' is out of range; allowed is 0 to ${max}`);
}

function help(of: CommandHelp): number {
  console.log(commandHelp(of));
  return EXIT_OK;
}
