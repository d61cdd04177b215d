/** Drives what a `restore` returned to its end. */
export function runSteps(steps: void | Iterable<unknown>): void {
  if (steps !== undefined) for (const _step of steps);
}
