/**
 * `synod node`: runs one node until it is told to stop, and closes it in order.
 *
 *   flags, environment, file ─▶ openNode ─▶ one line ─▶ SIGTERM or SIGINT ─▶ close
 */

import { settingHelp } from '../config/describe.ts';
import { loadNodeConfig } from '../config/load.ts';
import type { Logger } from '../config/types.ts';
import { NODE_SETTINGS } from '../config/validate.ts';
import type { Node } from '../engine/node.ts';
import { openNode } from '../engine/open-node.ts';
import { HELP_FLAG, JSON_FLAG } from './client-flags.ts';
import { CONFIG_FLAG, configFileOf, settingFlags, textsOf } from './config-flags.ts';
import { EXIT_INTERRUPTED, EXIT_OK } from './exit-codes.ts';
import { parseFlags } from './flags.ts';

const FLAGS = [CONFIG_FLAG, ...settingFlags(NODE_SETTINGS), JSON_FLAG, HELP_FLAG];

export async function runNode(args: readonly string[]): Promise<number> {
  const values = parseFlags(FLAGS, args);
  if (values['help'] === true) {
    console.log(help());
    return EXIT_OK;
  }
  const isJson = values['json'] === true;
  const stop = stopSignal();
  const { config } = await loadNodeConfig({
    flags: textsOf(NODE_SETTINGS, values),
    environment: process.env,
    file: configFileOf(values, process.env),
  });
  const node = await openNode({ ...config, logger: stderrLogger(isJson) });
  console.log(isJson ? JSON.stringify(openedJson(node)) : openedLine(node));
  const signal = await stop;
  await node.close();
  return signal === 'SIGINT' ? EXIT_INTERRUPTED : EXIT_OK;
}

/** The first signal to stop; a second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (isStopping) process.exit(EXIT_INTERRUPTED);
      isStopping = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function openedJson(node: Node): object {
  const { id, listen, durability, workers } = node.status();
  const [worker] = workers;
  return {
    node: id,
    pid: process.pid,
    listen: listen ?? null,
    client: node.clientUrl ?? null,
    durability,
    device: worker?.device ?? null,
    durable: worker?.durable ?? false,
  };
}

function openedLine(node: Node): string {
  const { listen, workers } = node.status();
  const [worker] = workers;
  const device = `${worker?.device ?? '?'}${worker?.durable === true ? '' : ', not durable'}`;
  const client = node.clientUrl === undefined ? 'no client endpoint' : `clients at ${node.clientUrl}`;
  return `node ${node.id} is open: nodes at ${listen?.host}:${listen?.port}, ${client}, log device ${device}`;
}

/** Diagnostics to the error stream, a line each. */
function stderrLogger(isJson: boolean): Logger {
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      const known = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
      console.error(isJson ? JSON.stringify({ level, ...fields, message }) : `${level}: ${message}${known}`);
    };
  return { debug: () => {}, info: write('info'), warn: write('warning'), error: write('error') };
}

function help(): string {
  return [
    'synod node [--config file] [--bootstrap] [settings] [--json]',
    '',
    'Runs one node of a cluster until SIGTERM or SIGINT, then closes it in order; a second signal ends it at once.',
    'The strongest says what holds: flags, then environment, then file, then default. --bootstrap belongs to the one start',
    'that makes a new cluster, at every member.',
    '',
    '  --config <file>  (SYNOD_CONFIG)\n      YAML or JSON',
    ...NODE_SETTINGS.filter(({ parse }) => parse !== undefined).map(settingHelp),
    '  --json\n      the line at the start, and diagnostics, as JSON',
    '',
    'Exit codes: 0 closed after SIGTERM, 130 after SIGINT, 1 failed, 2 wrong configuration, 3 may succeed later.',
  ].join('\n');
}
