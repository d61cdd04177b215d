/** Ranges against a plain list: every record read once, in order, whole; the producer never overwrites what is in flight. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RING_HEAD_WORD, RING_TAIL_WORD, TYPE_FRAME } from '../../src/memory/descriptor.ts';
import { createRing, RingProducer } from '../../src/memory/ring.ts';
import { RangeConsumer } from '../../src/memory/ring-range.ts';

const test = suite('property/ring-range');
const CAPACITY = 1024;

const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), size: fc.integer({ min: 16, max: 400 }) }),
  fc.record({ do: fc.constant('read' as const), size: fc.integer({ min: 1, max: 600 }) }),
  fc.record({ do: fc.constant('release' as const), size: fc.constant(0) }),
  fc.record({ do: fc.constant('discard' as const), size: fc.constant(0) }),
);

test('any sequence of puts, reads and releases keeps records whole, in order and untouched while in flight', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(0, 0x7fff_fe00, -1024), (steps, start) => {
      const ring = createRing(CAPACITY);
      const words = new Int32Array(ring);
      words[RING_TAIL_WORD] = start;
      words[RING_HEAD_WORD] = start;
      const producer = new RingProducer(ring, 64);
      const range = new RangeConsumer(ring, 64);
      const waiting: number[] = [];
      const flights: { offset: number; size: number; marks: number[] }[] = [];
      let mark = 0;
      const marksIn = (offset: number, size: number): number[] => {
        const found: number[] = [];
        for (let at = offset; at < offset + size; at += Math.ceil(words[at >> 2]! / 64) * 64)
          found.push(words[(at >> 2) + 2]!);
        return found;
      };
      for (const { do: action, size } of steps) {
        if (action === 'put') {
          const offset = producer.claim(size, TYPE_FRAME);
          if (offset < 0) continue;
          mark += 1;
          producer.words[(offset >> 2) + 2] = mark;
          producer.publish();
          waiting.push(mark);
        } else if (action === 'read') {
          const found = range.next(size);
          if (found === 0) {
            assert.is(waiting.length, 0);
            continue;
          }
          const marks = marksIn(range.offset, found);
          assert.is(range.records, marks.length);
          assert.ok(found <= Math.max(size, 448) && range.offset + found <= ring.byteLength);
          assert.equal(marks, waiting.splice(0, marks.length));
          flights.push({ offset: range.offset, size: found, marks });
        } else if (action === 'release') {
          const flight = flights.shift();
          if (flight !== undefined) range.release(flight.size);
        } else {
          assert.is(range.discard(), waiting.length);
          waiting.length = 0;
          flights.length = 0;
        }
        for (const flight of flights) assert.equal(marksIn(flight.offset, flight.size), flight.marks);
      }
      for (const { size } of flights) range.release(size);
      range.discard();
      assert.is(words[RING_HEAD_WORD], words[RING_TAIL_WORD]);
    }),
    { numRuns: 500 },
  );
});

test.run();
