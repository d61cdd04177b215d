/** What a failed call on the medium means: whether it passes, and what the user is told. Errnos are positive. */
import { constants } from 'node:os';
import { SynodError } from '../base/errors.ts';

const { EBUSY, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC } = constants.errno;

/** True where the same call may succeed later and nothing written so far is in doubt; any other failure latches the log. */
export function isTransient(errno: number): boolean {
  return [ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE].includes(errno);
}

/** The errno of what a call of node:fs threw. */
export function errnoOf(error: unknown): number {
  return Math.abs((error as NodeJS.ErrnoException).errno ?? EIO);
}

/** `what` completes "cannot … the log". */
export function deviceError(directory: string, what: string, errno: number, cause?: unknown): SynodError {
  if (errno === EBUSY) {
    return new SynodError(
      'ERR_SYNOD_DIRECTORY_LOCKED',
      `${directory} is open already, in this process or in another one: close it there first.`,
    );
  }
  if (errno === ENOSPC || errno === EDQUOT) {
    return new SynodError('ERR_SYNOD_DISK_FULL', `${directory}: no space left to ${what} the log: free some.`, {
      cause,
    });
  }
  return new SynodError(
    'ERR_SYNOD_LOG_FAILED',
    `${directory}: cannot ${what} the log (errno ${errno}): check the medium, then restart the replica.`,
    { cause },
  );
}
