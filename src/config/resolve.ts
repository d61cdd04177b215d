/**
 * One value per setting from several layers, the strongest first, and where each came from. Whatever is wrong is told with the
 * setting's name, its source, the value and what is allowed.
 *
 *   options ─┐
 *   flags ───┤  Layer: dotted name → { value, source }     ┌ value, source
 *   environ. ┼──────────────▶ resolveSettings ────────────▶│  per setting
 *   file ────┘                      defaults ──────────────▶└
 */
import { SynodError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { show } from './ranges.ts';
import type { Setting } from './settings.ts';

/** What one source says of a setting. `source` is empty for options given in code. */
export interface Given {
  value: unknown;
  source: string;
}

export type Layer = ReadonlyMap<string, Given>;

/** Values by dotted name; `source` is 'default' where nobody said anything. */
export type Resolved = Map<string, Given>;

const DEFAULT = 'default';
const DEPTH_MAX = 2;

/** The strongest layer's value for each setting, normalized. Every layer is checked, also where a stronger one wins. */
export function resolveSettings(settings: readonly Setting[], layers: readonly Layer[]): Resolved {
  const names = settings.map(({ name }) => name);
  const resolved: Resolved = new Map();
  for (const layer of layers) {
    for (const [name, { source }] of layer) if (!names.includes(name)) failUnknown(name, source, names);
  }
  for (const setting of settings) {
    const found = layers
      .map((layer) => readFrom(setting, layer.get(setting.name)))
      .find((given) => given !== undefined);
    resolved.set(setting.name, found ?? { value: setting.default, source: DEFAULT });
  }
  return resolved;
}

function readFrom({ name, allowed, read }: Setting, given: Given | undefined): Given | undefined {
  if (given?.value === undefined) return undefined;
  const value = read(given.value);
  if (value === undefined) fail(name, given.source, given.value, allowed);
  return { value, source: given.source };
}

/**
 * Nested options as a layer. Only own enumerable keys count, and only plain objects with the name of a group are entered, so that
 * neither a polluted prototype nor a hostile file can say anything.
 */
export function layerOfObject(
  settings: readonly Setting[],
  given: unknown,
  sourceOf: (path: readonly string[]) => string,
): Layer {
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    fail('options', sourceOf([]), given, 'an object');
  const groups = new Set(settings.flatMap(({ name }) => (name.includes('.') ? [name.split('.')[0]] : [])));
  const layer = new Map<string, Given>();
  const enter = (object: object, path: readonly string[]): void => {
    for (const key of Object.keys(object)) {
      const value = (object as Record<string, unknown>)[key];
      const here = [...path, key];
      const isGroup = here.length < DEPTH_MAX && groups.has(key);
      if (!isGroup) layer.set(here.join('.'), { value, source: sourceOf(here) });
      else if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        if (value !== undefined) fail(key, sourceOf(here), value, `an object with ${membersOf(settings, key)}`);
      } else enter(value, here);
    }
  };
  enter(given, []);
  return layer;
}

function membersOf(settings: readonly Setting[], group: string): string {
  return settings
    .filter(({ name }) => name.startsWith(`${group}.`))
    .map(({ name }) => name.slice(group.length + 1))
    .join(', ');
}

export function fail(name: string, source: string, value: unknown, allowed: string): never {
  const at = source === '' || source === DEFAULT ? '' : ` (${source})`;
  throw new SynodError('ERR_SYNOD_CONFIG', `${name}${at}: ${show(value)} is not allowed; allowed is ${allowed}`);
}

function failUnknown(name: string, source: string, names: readonly string[]): never {
  const at = source === '' ? '' : ` (${source})`;
  const near = nearest(name, names);
  const hint = near === undefined ? `known are ${names.join(', ')}` : `did you mean ${near}?`;
  throw new SynodError('ERR_SYNOD_CONFIG', `${shorten(name)}${at}: unknown option; ${hint}`);
}

function shorten(name: string): string {
  return name.length > NAME_SHOWN_MAX ? `${name.slice(0, NAME_SHOWN_MAX)}…` : name;
}

const NAME_SHOWN_MAX = 100;
