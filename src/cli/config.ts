/**
 * `synod config check|print`: what a node or cluster would be told by file, environment and flags, and where each value comes from.
 */
import { type Address, formatAddress, formatMember, type Member } from '../config/addresses.ts';
import { settingHelp } from '../config/describe.ts';
import { loadConfig, loadNodeConfig } from '../config/load.ts';
import type { Resolved } from '../config/resolve.ts';
import { CLUSTER_SETTINGS, NODE_SETTINGS } from '../config/validate.ts';
import { CONFIG_FLAG, configFileOf, settingFlags, textsOf } from './config-flags.ts';
import { type CommandTable, dispatch } from './dispatch.ts';
import { EXIT_OK } from './exit-codes.ts';
import { type FlagSetting, type FlagValues, oneOf, parseCall } from './flags.ts';

const OWN_FLAGS: readonly FlagSetting[] = [
  CONFIG_FLAG,
  { name: 'for', default: 'node', ...oneOf(['node', 'cluster']), doc: 'whose settings: of a node or of openCluster' },
  { name: 'json', default: false, allowed: '', doc: 'one line of JSON' },
  { name: 'help', default: false, allowed: '', doc: 'this text' },
];

const COMMANDS: CommandTable = {
  check: { summary: 'says whether file, environment and flags make a valid configuration', load: async () => runCheck },
  print: { summary: 'prints every setting with its value and where it comes from', load: async () => runPrint },
};

export async function runConfig(args: readonly string[]): Promise<number> {
  return await dispatch('synod config', COMMANDS, args);
}

async function runCheck(args: readonly string[]): Promise<number> {
  const { values, words } = parse(args);
  if (values['help'] === true) return help('check', values);
  const { file } = await resolve(values, words);
  if (values['json'] === true) console.log(JSON.stringify({ ok: true, file: file ?? null }));
  else console.log(`${file ?? 'environment and flags'}: valid`);
  return EXIT_OK;
}

async function runPrint(args: readonly string[]): Promise<number> {
  const { values, words } = parse(args);
  if (values['help'] === true) return help('print', values);
  const { resolved } = await resolve(values, words);
  const rows = [...resolved].map(([name, { value, source }]) => ({
    name,
    value: plain(value),
    source: source || 'options',
  }));
  if (values['json'] === true) {
    const settings = Object.fromEntries(
      rows.map(({ name, value, source }) => [name, { value: value ?? null, source }]),
    );
    console.log(JSON.stringify({ settings }));
    return EXIT_OK;
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, value, source } of rows) {
    if (name === 'logger') continue;
    console.log(`${name.padEnd(width)}  ${String(value ?? '-')}  (${source})`);
  }
  return EXIT_OK;
}

function parse(args: readonly string[]): { values: FlagValues; words: string[] } {
  const settings = /(^|\n)--for[=\n]cluster(\n|$)/.test(args.join('\n')) ? CLUSTER_SETTINGS : NODE_SETTINGS;
  return parseCall([...OWN_FLAGS, ...settingFlags(settings)], args, ['file?']);
}

async function resolve(
  values: FlagValues,
  [word]: string[],
): Promise<{ resolved: Resolved; file: string | undefined }> {
  const file = word ?? configFileOf(values, process.env);
  const isCluster = values['for'] === 'cluster';
  const flags = textsOf(isCluster ? CLUSTER_SETTINGS : NODE_SETTINGS, values);
  const sources = { flags, environment: process.env, file };
  const { resolved } = isCluster ? await loadConfig(sources) : await loadNodeConfig(sources);
  return { resolved, file };
}

/** As one writes it in a file. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((member) => formatMember(member as Member)).join(',');
  return typeof value === 'object' && value !== null && 'port' in value ? formatAddress(value as Address) : value;
}

function help(name: 'check' | 'print', values: FlagValues): number {
  const settings = values['for'] === 'cluster' ? CLUSTER_SETTINGS : NODE_SETTINGS;
  const lines = [
    `synod config ${name} [file] [--for node|cluster] [--json] [settings]`,
    '',
    `${COMMANDS[name]?.summary}. The strongest says what holds: flags, then environment, then file, then default.`,
    '',
    ...settings.filter(({ parse: fromText }) => fromText !== undefined).map(settingHelp),
    '',
    'Exit codes: 0 valid, 2 not valid; the message names setting, source, value and what is allowed.',
  ];
  console.log(lines.join('\n'));
  return EXIT_OK;
}
