/** One image of several parts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Begun, chainParts, stepsOf } from '../../../src/runtime/image-chain.ts';

const HEAD = Uint8Array.of(1);

/** A part of the given chunks that notes when it is let go. */
function part(chunks: number[], ended: string[], name: string): Begun {
  const rest = (function* () {
    try {
      for (const chunk of chunks) yield Uint8Array.of(chunk);
    } finally {
      ended.push(name);
    }
  })();
  return { first: rest.next(), rest };
}

const test = suite('runtime/image-chain');

test('gives the head and then all parts, those without chunks too', () => {
  const ended: string[] = [];
  const image = chainParts(HEAD, [part([2, 3], ended, 'a'), part([], ended, 'b'), part([4], ended, 'c')]);
  assert.equal(
    Array.from(image, ([byte]) => byte),
    [1, 2, 3, 4],
  );
  assert.equal(ended.sort(), ['a', 'b', 'c']);
});

test('who reads no further lets go of all parts', () => {
  const ended: string[] = [];
  const image = chainParts(HEAD, [part([2, 3], ended, 'a'), part([4], ended, 'b')]);
  image.next();
  image.next();
  image.return(undefined);
  assert.equal(ended, ['a', 'b']);
});

test('steps are those of what can be driven; whatever else a machine returns is not looked at', () => {
  const kinds: [unknown, number][] = [
    [undefined, 0],
    [null, 0],
    [true, 0],
    [Promise.resolve(), 0],
    [[1, 2, 3], 3],
  ];
  for (const [returned, steps] of kinds) assert.is([...stepsOf(returned)].length, steps);
});

test.run();
