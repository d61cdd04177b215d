/**
 * Two streams of which each reads what the other writes, like the ends of a connection; nothing leaves the process. As with a
 * socket, nobody is called back from within a write.
 */
import { Duplex } from 'node:stream';
import type { Line } from '../../src/transport/line.ts';

export class PairEnd extends Duplex {
  other: PairEnd | undefined = undefined;
  /** Writes wait for `letGo` while set: a network that takes nothing. */
  isHeld = false;
  #held: (() => void)[] = [];
  #wanted: (() => void) | undefined = undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    // The bytes as they are when the "system" takes them, not when they were handed over.
    const deliver = (): void => this.other?.arrive(Buffer.from(chunk), done);
    if (this.isHeld) this.#held.push(deliver);
    else process.nextTick(deliver);
  }

  letGo(): void {
    this.isHeld = false;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    this.other = undefined;
    if (other !== undefined && !other.destroyed) setImmediate(() => other.destroy());
    done(error);
  }

  arrive(chunk: Buffer, done: () => void): void {
    if (this.destroyed) return;
    if (this.push(chunk)) done();
    else this.#wanted = done;
  }
}

export function duplexPair(): [PairEnd, PairEnd] {
  const [left, right] = [new PairEnd(), new PairEnd()];
  left.other = right;
  right.other = left;
  return [left, right];
}

export function lineOver(stream: Duplex, isNode: (nodeId: number) => boolean = () => true): Line {
  return { stream, kind: 'tcp', address: 'test', isNode };
}
