/**
 * Assertions: always on. Contracts (requires / ensures): on in tests and in the simulator, off in production.
 * Messages are constant strings: an interpolated one costs 24 bytes of garbage per call even when it holds.
 */
import { SynodError } from './errors.ts';

/** Set once at load by the environment variable SYNOD_CONTRACTS=1 (tests and simulator set it). */
export const CONTRACTS: boolean =
  (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env['SYNOD_CONTRACTS'] === '1';

/** Throws ERR_SYNOD_INVARIANT unless the condition holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** A precondition, numbered to PROTOCOL.md. Callers write `if (CONTRACTS) requires(…)`, so that production pays nothing. */
export function requires(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** A postcondition, numbered to PROTOCOL.md. Callers write `if (CONTRACTS) ensures(…)`. */
export function ensures(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** Says that the condition is sometimes true and sometimes false: a comment that the compiler reads. */
export function maybe(_condition: boolean): void {}

/** Ends a switch that must have matched. */
export function unreachable(message: string): never {
  fail(message);
}

function fail(message: string): never {
  throw new SynodError('ERR_SYNOD_INVARIANT', message);
}
