/**
 * Flags of the commands that talk to a running node, and how their help is put together.
 */
import { EXIT_CODES } from './exit-codes.ts';
import { anyText, describeFlags, FlagError, type FlagSetting, type FlagValues, integerIn } from './flags.ts';
import { HttpClient, type HttpClientOptions } from './http-client.ts';

const URL_DEFAULT = 'http://127.0.0.1:7200';
const TIMEOUT_MS_DEFAULT = 10_000;
const TIMEOUT_MS_MAX = 2 ** 31 - 2000;

export const JSON_FLAG: FlagSetting = { name: 'json', default: false, allowed: '', doc: 'one line of JSON' };
export const HELP_FLAG: FlagSetting = { name: 'help', default: false, allowed: '', doc: 'this text' };

export const CLIENT_FLAGS: readonly FlagSetting[] = [
  {
    name: 'url',
    default: undefined,
    ...anyText(`comma-separated; default SYNOD_URL, or ${URL_DEFAULT}`),
    doc: 'client endpoints of nodes; the next is asked where one surely did nothing',
  },
  { name: 'timeout', default: TIMEOUT_MS_DEFAULT, ...integerIn(1, TIMEOUT_MS_MAX), doc: 'milliseconds' },
  { name: 'tlsCa', default: undefined, ...anyText('a path'), doc: 'certificates that sign the nodes, for https' },
  { name: 'tlsCert', default: undefined, ...anyText('a path'), doc: "this client's certificate" },
  { name: 'tlsKey', default: undefined, ...anyText('a path'), doc: 'its private key' },
  JSON_FLAG,
  HELP_FLAG,
];

/** Throws FlagError for what is no URL of http or https. */
export function clientOf(values: FlagValues, environment: NodeJS.ProcessEnv = process.env): HttpClient {
  return new HttpClient(clientOptionsOf(values, environment));
}

export function clientOptionsOf(values: FlagValues, environment: NodeJS.ProcessEnv = process.env): HttpClientOptions {
  const given = values['url'] ?? (environment['SYNOD_URL'] || URL_DEFAULT);
  const urls = String(given)
    .split(',')
    .map((text) => parseUrl(text.trim()));
  const path = (name: string): string | undefined => values[name] as string | undefined;
  const tls = { ca: path('tlsCa'), cert: path('tlsCert'), key: path('tlsKey') };
  return { urls, timeoutMs: values['timeout'] as number, tls };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new FlagError('--url', `'${text.slice(0, 100)}' is no address; write http://host:port or https://host:port`);
}

export interface CommandHelp {
  /** What is typed, without flags. */
  usage: string;
  summary: string;
  /** Further lines. */
  details?: readonly string[];
  flags: readonly FlagSetting[];
  exits: readonly number[];
}

export function commandHelp({ usage, summary, details = [], flags, exits }: CommandHelp): string {
  const codes = exits.map((code) => `  ${code}  ${EXIT_CODES[code]}`);
  const more = details.length === 0 ? [] : ['', ...details];
  return [usage, '', summary, ...more, '', describeFlags(flags), '', 'Exit codes:', ...codes].join('\n');
}
