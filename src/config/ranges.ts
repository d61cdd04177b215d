/**
 * Kinds of values that a setting can have: what is allowed, in words; which values of code or a file are; and which texts of
 * the command line or the environment.
 *
 *   value of code or file ──────────▶ read ─▶ normalized value, or undefined where it is not allowed
 *   text of a flag or a variable ─▶ parse ─┘
 */

export interface Range {
  /** The range in words. */
  allowed: string;
  /** The value as the program uses it; undefined where it is not allowed. */
  read(value: unknown): unknown;
  /** What a text means, before `read` judges it; absent where no text can say it. */
  parse?: (text: string) => unknown;
  /** A flag without a value means true. */
  isSwitch?: boolean;
}

export function integer(min: number, max: number): Range {
  return numberLike(`a whole number, ${min} to ${max}`, (value) => isInteger(value, min, max));
}

/** 0 for none, or a whole number in a range. */
export function zeroOr(min: number, max: number): Range {
  const accepts = (value: number): boolean => value === 0 || isInteger(value, min, max);
  return numberLike(`0, or a whole number, ${min} to ${max}`, accepts);
}

export function odd(min: number, max: number): Range {
  const accepts = (value: number): boolean => isInteger(value, min, max) && value % 2 === 1;
  return numberLike(`an odd number, ${min} to ${max}`, accepts);
}

export function powerOfTwo(min: number, max: number): Range {
  const accepts = (value: number): boolean => isInteger(value, min, max) && Number.isInteger(Math.log2(value));
  return numberLike(`a power of two, ${min} to ${max}`, accepts);
}

export function multiple(unit: number, min: number, max: number): Range {
  const accepts = (value: number): boolean => isInteger(value, min, max) && value % unit === 0;
  return numberLike(`a multiple of ${unit}, ${min} to ${max}`, accepts);
}

/** One of the words, or what `other` allows. */
export function wordOr(words: readonly string[], other: Range): Range {
  const quoted = words.map((word) => `'${word}'`).join(', ');
  return {
    allowed: `${other.allowed}, or ${quoted}`,
    read: (value) => (words.includes(value as string) ? value : other.read(value)),
    parse: (text) => (words.includes(text) ? text : other.parse?.(text)),
  };
}

export function oneOf(...choices: string[]): Range {
  return {
    allowed: choices.join(', '),
    read: (value) => (choices.includes(value as string) ? value : undefined),
    parse: (text) => text,
  };
}

export function text(allowed: string): Range {
  return { allowed, read: (value) => (isText(value) ? value : undefined), parse: (words) => words };
}

/** As `text`; a URL is taken by its address. */
export function textOrUrl(allowed: string): Range {
  const read = (value: unknown): unknown => (value instanceof URL ? value.href : isText(value) ? value : undefined);
  return { allowed, read, parse: (words) => words };
}

export function yesOrNo(): Range {
  const words: Readonly<Record<string, boolean>> = {
    true: true,
    yes: true,
    1: true,
    false: false,
    no: false,
    0: false,
  };
  return {
    allowed: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
    parse: (word) => (Object.hasOwn(words, word) ? words[word] : word),
    isSwitch: true,
  };
}

/** An object with these methods; only code can give one. */
export function withMethods(...methods: string[]): Range {
  const has = (value: unknown, method: string): boolean =>
    typeof (value as Record<string, unknown>)[method] === 'function';
  return {
    allowed: `an object with ${methods.slice(0, -1).join(', ')} and ${methods.at(-1)}`,
    read: (value) =>
      typeof value === 'object' && value !== null && methods.every((method) => has(value, method)) ? value : undefined,
  };
}

/** A value as an error message shows it: never long, and never its inside where that may be secret. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' || typeof value === 'function') return Object.prototype.toString.call(value);
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value);
}

const SHOWN_MAX = 200;

function numberLike(allowed: string, accepts: (value: number) => boolean): Range {
  return {
    allowed,
    read: (value) => (accepts(value as number) ? value : undefined),
    parse: (words) => (/^\d{1,16}$/.test(words) ? Number(words) : words),
  };
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}
