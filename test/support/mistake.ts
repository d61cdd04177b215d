/** Sound code with a mistake in it for a while: what is there to find it must. */

/** Puts a mistake in place of a property for as long as `run` takes. */
export function withMistake(target: object, name: string, mistake: PropertyDescriptor, run: () => void): void {
  const sound = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
  Object.defineProperty(target, name, { ...mistake, configurable: true });
  try {
    run();
  } finally {
    Object.defineProperty(target, name, sound);
  }
}
