/**
 * What flags and environment say, as layers for `resolveSettings`. A text is turned into a value by its setting's range; an empty
 * variable says nothing.
 */
import { SynodError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Given, Layer } from './resolve.ts';
import { flagOf, SETTINGS, type Setting, variableOf } from './settings.ts';

const PREFIX = 'SYNOD_';
/** Variables that say something else. */
const OTHER_VARIABLES = ['SYNOD_CONFIG', 'SYNOD_CONTRACTS', 'SYNOD_URL'];

export type Environment = Readonly<Record<string, string | undefined>>;

/** `texts` by the name of the setting. */
export function layerOfFlags(settings: readonly Setting[], texts: Readonly<Record<string, unknown>>): Layer {
  const layer = new Map<string, Given>();
  for (const { name, parse } of settings) {
    const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
    if (typeof text === 'string') layer.set(name, { value: parse?.(text), source: `flag ${flagOf(name)}` });
  }
  return layer;
}

/** Throws ERR_SYNOD_CONFIG for a variable that is a misspelt one of ours; others with the prefix belong to somebody else. */
export function layerOfEnvironment(settings: readonly Setting[], environment: Environment): Layer {
  const layer = new Map<string, Given>();
  for (const { name, parse } of settings) {
    const text = environment[variableOf(name)];
    if (text !== undefined && text !== '' && parse !== undefined) {
      layer.set(name, { value: parse(text), source: `environment ${variableOf(name)}` });
    }
  }
  const known = [...SETTINGS.map(({ name }) => variableOf(name)), ...OTHER_VARIABLES];
  for (const variable of Object.keys(environment)) {
    if (variable.startsWith(PREFIX) && !known.includes(variable)) refuseMisspelt(variable, known);
  }
  return layer;
}

function refuseMisspelt(variable: string, known: readonly string[]): void {
  const bare = (name: string): string => name.slice(PREFIX.length);
  const near = nearest(bare(variable), known.map(bare));
  if (near === undefined) return;
  throw new SynodError('ERR_SYNOD_CONFIG', `${variable} (environment): unknown option; did you mean ${PREFIX}${near}?`);
}
