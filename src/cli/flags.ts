/**
 * Command-line flags from a table of settings: `--kebab-case` on the command line is `camelCase` in code. Whatever is
 * wrong is told as flag, value and allowed range; the caller ends with exit code 2.
 */
import { parseArgs } from 'node:util';
import { nearest } from '../base/nearest.ts';

export type FlagValue = string | number | boolean;

/** One setting. `parse` gives undefined where the text lies outside the range; a setting without `parse` is a switch. */
export interface FlagSetting {
  name: string;
  default: FlagValue | undefined;
  allowed: string;
  doc: string;
  parse?: (text: string) => FlagValue | undefined;
  /** What the flag means without a value, where it may stand without one. */
  bare?: string;
}

/** What is wrong with the command line. */
export class FlagError extends Error {
  readonly flag: string;

  constructor(flag: string, problem: string) {
    super(`${flag}: ${problem}`);
    this.name = 'FlagError';
    this.flag = flag;
  }
}

export type FlagValues = Record<string, FlagValue | undefined>;

/** What a command line said. */
export interface Call {
  /** By camelCase name, defaults filled in. */
  values: FlagValues;
  /** What stands beside the flags, as many as the command asks for. */
  words: string[];
}

/** Values by camelCase name, defaults filled in. Throws FlagError. */
export function parseFlags(table: readonly FlagSetting[], args: readonly string[]): FlagValues {
  return parseCall(table, args).values;
}

/** As `parseFlags`, with one word for each of `wordNames`; one that ends in '?' may be missing. Throws FlagError. */
export function parseCall(
  table: readonly FlagSetting[],
  args: readonly string[],
  wordNames: readonly string[] = [],
): Call {
  const values: FlagValues = {};
  const words: string[] = [];
  for (const setting of table) values[setting.name] = setting.default;
  const options = Object.fromEntries(
    table.map(({ name, parse, bare }) => {
      const isBoolean = parse === undefined || bare !== undefined;
      return [kebabCase(name), { type: isBoolean ? 'boolean' : 'string' } as const];
    }),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (words.length === wordNames.length) throw unexpected(token.value, table, wordNames);
      words.push(token.value);
    } else if (token.kind === 'option') {
      const setting = table.find(({ name }) => kebabCase(name) === token.name);
      if (setting === undefined) throw unknownFlag(token.rawName, table);
      values[setting.name] = parseValue(setting, token.value);
    }
  }
  const missing = wordNames[words.length];
  if (missing !== undefined && !missing.endsWith('?') && values['help'] !== true) {
    throw new FlagError(`<${missing}>`, 'is missing; --help tells how');
  }
  return { values, words };
}

function unexpected(word: string, table: readonly FlagSetting[], wordNames: readonly string[]): FlagError {
  const expected = wordNames.length === 0 ? '' : ` beside ${wordNames.map((name) => `<${name}>`).join(' ')}`;
  return new FlagError(word, `unexpected${expected}; allowed are ${flagNames(table)}`);
}

function unknownFlag(flag: string, table: readonly FlagSetting[]): FlagError {
  const near = nearest(
    flag,
    table.map(({ name }) => `--${kebabCase(name)}`),
  );
  const hint = near === undefined ? `allowed are ${flagNames(table)}` : `did you mean ${near}?`;
  return new FlagError(flag, `unknown flag; ${hint}`);
}

function parseValue(setting: FlagSetting, given: string | undefined): FlagValue {
  const text = given ?? setting.bare;
  const flag = `--${kebabCase(setting.name)}`;
  if (setting.parse === undefined) {
    if (text !== undefined) throw new FlagError(flag, `takes no value, got '${text}'`);
    return true;
  }
  const value = text === undefined ? undefined : setting.parse(text);
  if (value !== undefined) return value;
  throw new FlagError(
    flag,
    `${text === undefined ? 'value missing' : `'${text}' is out of range`}; allowed is ${setting.allowed}`,
  );
}

function flagNames(table: readonly FlagSetting[]): string {
  return table.map(({ name }) => `--${kebabCase(name)}`).join(' ');
}

/** The flags of a table, one a line, with default and range. */
export function describeFlags(table: readonly FlagSetting[]): string {
  return table
    .map((setting) => {
      const preset = setting.default === undefined || setting.default === false ? '' : `, default ${setting.default}`;
      const range = setting.parse === undefined ? '' : ` (${setting.allowed}${preset})`;
      return `  --${kebabCase(setting.name).padEnd(12)} ${setting.doc}${range}`;
    })
    .join('\n');
}

export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

type SettingBody = Pick<FlagSetting, 'allowed' | 'parse'>;

export function integerIn(min: number, max: number): SettingBody {
  const parse = (text: string): number | undefined => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return { allowed: `${min} to ${max}`, parse };
}

export function numberIn(min: number, max: number): SettingBody {
  const parse = (text: string): number | undefined => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };
  return { allowed: `${min} to ${max}`, parse };
}

export function oddIn(min: number, max: number): SettingBody {
  const { parse } = integerIn(min, max);
  return {
    allowed: `an odd number, ${min} to ${max}`,
    parse: (text) => {
      const value = parse?.(text);
      return typeof value === 'number' && value % 2 === 1 ? value : undefined;
    },
  };
}

export function oneOf(choices: readonly string[]): SettingBody {
  return { allowed: choices.join(', '), parse: (text) => (choices.includes(text) ? text : undefined) };
}

export function anyText(allowed: string): SettingBody {
  return { allowed, parse: (text) => (text === '' ? undefined : text) };
}
