/**
 * How `synod` ends, and what it prints then. The same for every command; the README's table is this one.
 */
import { SynodError } from '../base/errors.ts';
import { FlagError } from './flags.ts';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_RETRY = 3;
export const EXIT_UNKNOWN = 4;
export const EXIT_NO = 5;
export const EXIT_INTERRUPTED = 130;

export const EXIT_CODES: Readonly<Record<number, string>> = {
  [EXIT_OK]: 'done',
  [EXIT_FAILED]: 'failed; the message says why',
  [EXIT_USAGE]: 'wrong command line, configuration or environment: nothing was tried',
  [EXIT_RETRY]: 'surely not done, and may succeed later: no leader, no answer in time, no node there',
  [EXIT_UNKNOWN]: 'sent, but the outcome is unknown',
  [EXIT_NO]: 'done, and the answer is no: no such key, another revision, damage found, not ready',
  [EXIT_INTERRUPTED]: 'interrupted; closed in order',
};

/** The exit code that an error asks for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof FlagError) return EXIT_USAGE;
  if (!(error instanceof SynodError)) return EXIT_FAILED;
  if (error.code === 'ERR_SYNOD_CONFIG') return EXIT_USAGE;
  if (error.code === 'ERR_SYNOD_OUTCOME_UNKNOWN') return EXIT_UNKNOWN;
  return error.retryable ? EXIT_RETRY : EXIT_FAILED;
}

/** One line for people, or one of JSON. */
export function describeError(error: unknown, isJson: boolean): string {
  const code = error instanceof SynodError ? error.code : error instanceof FlagError ? 'ERR_SYNOD_CONFIG' : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (isJson) {
    const retryable = error instanceof SynodError && error.retryable;
    return JSON.stringify({ error: { code: code ?? 'ERR_SYNOD_INVARIANT', message, retryable } });
  }
  if (error instanceof SynodError) return `synod: ${error.code}: ${message}`;
  if (error instanceof FlagError) return `synod: ${message}`;
  return error instanceof Error && error.stack !== undefined ? error.stack : message;
}
