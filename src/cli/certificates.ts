/**
 * `synod cert`: development certificates for the nodes of a cluster and for its clients (cert.ts makes them).
 */
import { NODE_ID_MAX } from '../limits.ts';
import { makeCertificates } from './cert.ts';
import { type CommandHelp, commandHelp, HELP_FLAG, JSON_FLAG } from './client-flags.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.ts';
import { anyText, FlagError, parseCall } from './flags.ts';

const HELP: CommandHelp = {
  usage: 'synod cert <directory> [flags]',
  summary: 'Writes an authority, and a certificate and key for each node, into a directory.',
  details: [
    'An authority that is there already signs further nodes. Each node gets ca.pem, its own node-<id>.pem and node-<id>-key.pem;',
    'ca-key.pem stays with you: whoever has it can join. For trials; in production an authority of your own signs the same names.',
  ],
  flags: [
    { name: 'nodes', default: '1,2,3', ...anyText('ids, separated by commas'), doc: 'whom to make certificates for' },
    { name: 'cluster', default: 'synod', ...anyText('a name'), doc: 'as in the setting cluster of the nodes' },
    JSON_FLAG,
    HELP_FLAG,
  ],
  exits: [EXIT_OK, EXIT_FAILED, EXIT_USAGE],
};

export async function runCert(args: readonly string[]): Promise<number> {
  const { values, words } = parseCall(HELP.flags, args, ['directory']);
  if (values['help'] === true) {
    console.log(commandHelp(HELP));
    return EXIT_OK;
  }
  const nodes = nodeIds(String(values['nodes']));
  const files = await makeCertificates(words[0] as string, nodes, { clusterName: String(values['cluster']) });
  if (values['json'] === true) console.log(JSON.stringify(files));
  else
    for (const path of [files.ca, ...files.nodes.flatMap(({ certificate, key }) => [certificate, key])])
      console.log(path);
  return EXIT_OK;
}

function nodeIds(text: string): number[] {
  const ids = text.split(',').map((word) => (/^\d{1,7}$/.test(word.trim()) ? Number(word) : 0));
  const isGood = ids.every((id) => id >= 1 && id <= NODE_ID_MAX) && new Set(ids).size === ids.length;
  if (!isGood)
    throw new FlagError(
      '--nodes',
      `'${text.slice(0, 100)}' is not allowed; allowed are different ids, 1 to ${NODE_ID_MAX}`,
    );
  return ids;
}
