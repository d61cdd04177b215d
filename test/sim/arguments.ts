/** Numbers and words from a command line, or an error that says what would do. */

export class ArgumentError extends Error {}

/** The whole number that `--name` was given. */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new ArgumentError(`--${name} ${text}: a whole number from ${min} to ${max} is needed`);
  return value;
}

export function oneOf<const T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new ArgumentError(`--${name} ${text}: one of ${words.join(', ')} is needed`);
  return found;
}

/** Runs a command; what is wrong with its arguments is one line and exit code 2. */
export async function runCommand(command: () => Promise<void> | void): Promise<void> {
  try {
    await command();
  } catch (error) {
    const isUsage =
      error instanceof ArgumentError || String((error as { code?: string }).code).startsWith('ERR_PARSE_ARGS');
    if (!isUsage) throw error;
    console.error((error as Error).message);
    process.exitCode = 2;
  }
}
