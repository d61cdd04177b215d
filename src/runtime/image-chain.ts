/**
 * Makes one image of several: what applying keeps itself, the sessions, the machine; and takes the steps in which the machine becomes what one says.
 * Only an iterator that was begun can be told that nobody reads on, so the parts come with their first chunk.
 */

export interface Begun {
  readonly first: IteratorResult<Uint8Array>;
  readonly rest: Iterator<Uint8Array>;
}

/** The head, then the chunks of each part; all of them let go of their views where the image is not read to its end. */
export function* chainParts(head: Uint8Array, parts: readonly Begun[]): Generator<Uint8Array> {
  try {
    yield head;
    for (const { first, rest } of parts) {
      for (let part = first; part.done !== true; part = rest.next()) yield part.value;
    }
  } finally {
    for (const { rest } of parts) rest.return?.();
  }
}

/** The steps of what a machine's `restore` returned. Others than generators have done it all by then, and return whatever they like. */
export function* stepsOf(returned: unknown): Generator<void> {
  const isIterable = typeof returned === 'object' && returned !== null && Symbol.iterator in returned;
  if (isIterable) for (const _step of returned as Iterable<unknown>) yield;
}
