/** What calls on a handle are refused with before anything is sent, and when it closes. */
import { SynodError } from '../base/errors.ts';

/** What every call on a closed handle gets. */
export function closed(): SynodError {
  return new SynodError('ERR_SYNOD_CLOSED', 'The handle is closed: open it again.');
}

/** For commands that were published and not answered when their handle or session was closed. */
export function unknown(what: string): SynodError {
  return new SynodError(
    'ERR_SYNOD_OUTCOME_UNKNOWN',
    `The ${what} was closed before the command was answered: it may or may not take effect.`,
  );
}

/**
 * For commands that were published and not answered when their shard failed here: others may choose them. So nothing that says that they can be tried
 * again: the HTTP client would.
 */
export function publishedBefore(failure: SynodError): SynodError {
  if (!failure.retryable) return failure;
  return new SynodError(
    'ERR_SYNOD_OUTCOME_UNKNOWN',
    `The shard stopped before the command was answered: it may or may not take effect. ${failure.message}`,
    { cause: failure },
  );
}

export function tooLarge(length: number, max: number): SynodError {
  return new SynodError(
    'ERR_SYNOD_PAYLOAD_TOO_LARGE',
    `${length} bytes are more than payloadBytesMax (${max}): send less, or raise it at every replica.`,
  );
}
