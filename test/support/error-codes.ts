/** The code with which a call failed, or that it did not. */
import { SynodError } from '../../src/base/errors.ts';

export async function codeOf(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
  return 'resolved';
}

export function codeThrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
  return 'returned';
}
