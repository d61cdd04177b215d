/** Commands of fast-check's model-based tests as plain functions. */
import fc from 'fast-check';

/** A command that prints as `label` and runs where `check` admits it. */
export function command<Model extends object, Real>(
  label: string,
  run: (model: Model, real: Real) => void,
  check: (model: Readonly<Model>) => boolean = () => true,
): fc.Command<Model, Real> {
  return { check, run, toString: () => label };
}

/** Runs generated lists of commands, each on a model and a real thing of its own. */
export function followsModel<Model extends object, Real>(
  commands: fc.Arbitrary<fc.Command<Model, Real>>[],
  make: () => { model: Model; real: Real },
  numRuns = 300,
): void {
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 60, size: 'max' }), (list) => fc.modelRun(make, list)),
    { numRuns, includeErrorInReport: true },
  );
}
