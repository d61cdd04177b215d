/**
 * Parks a thread until another one has something for it. The word (DOORBELL_* in memory/descriptor) says whether the
 * sleeper sleeps, so that ringing an awake thread costs one load.
 *
 *   sleeper                         ringer
 *   word := ASLEEP                  publish (store TAIL)
 *   look at all sources again       load word: ASLEEP? swap for AWAKE, wake
 *   wait while word is ASLEEP
 *
 * Both first lines are sequentially consistent, so at least one side sees the other's (Dekker): no wake is lost. One word is
 * waited on by one mechanism, fixed at start: `Atomics.notify` does not wake a native park, nor the reverse.
 * @hot
 */
import { assert } from '../base/assert.ts';
import { PARK_US_MAX } from '../limits.ts';
import { DOORBELL_ASLEEP, DOORBELL_AWAKE } from './descriptor.ts';

/** The wait mechanism of one memory block; `word` indexes its Int32Array. Implemented here and by the native addon. */
export interface Waker {
  /** Blocks while the word holds `expected`, at most `timeoutUs`. May return early. */
  park(word: number, expected: number, timeoutUs: number): void;
  /** Ends the waits on the word. */
  wake(word: number): void;
}

/** `Atomics.wait` and `Atomics.notify`: always there; its sleepers cannot be woken by native threads. */
export class AtomicsWaker implements Waker {
  private readonly words: Int32Array;

  constructor(block: SharedArrayBuffer) {
    this.words = new Int32Array(block);
  }

  park(word: number, expected: number, timeoutUs: number): void {
    Atomics.wait(this.words, word, expected, timeoutUs / 1000);
  }

  /** Notifies all waiters: a `waitAsync` given up by its sleeper still stands in the queue and would swallow a single wake. */
  wake(word: number): void {
    Atomics.notify(this.words, word);
  }
}

/** The ringer's side; any number of threads may hold one for the same word. */
export class Doorbell {
  private readonly words: Int32Array;
  private readonly word: number;
  private readonly waker: Waker;

  constructor(block: SharedArrayBuffer, word: number, waker: Waker) {
    this.words = new Int32Array(block);
    assert(word >= 0 && word < this.words.length, 'the doorbell lies in its block');
    this.word = word;
    this.waker = waker;
  }

  /** Wakes the sleeper if it sleeps; called after publishing. Returns true when this call was the one that woke it. */
  ring(): boolean {
    if (Atomics.load(this.words, this.word) !== DOORBELL_ASLEEP) return false;
    if (Atomics.compareExchange(this.words, this.word, DOORBELL_ASLEEP, DOORBELL_AWAKE) !== DOORBELL_ASLEEP)
      return false;
    this.waker.wake(this.word);
    return true;
  }
}

/** The sleeper's side: prepare, look at all sources again, then park or cancel. One per word. */
export class Sleeper {
  private readonly words: Int32Array;
  private readonly word: number;
  private readonly waker: Waker;

  constructor(block: SharedArrayBuffer, word: number, waker: Waker) {
    this.words = new Int32Array(block);
    assert(word >= 0 && word < this.words.length, 'the doorbell lies in its block');
    this.word = word;
    this.waker = waker;
  }

  /** Says that this thread is about to sleep. Every source must be looked at after this call. */
  prepare(): void {
    Atomics.store(this.words, this.word, DOORBELL_ASLEEP);
  }

  /** Stays awake after all, or again: something was found, or an asynchronous wait came back. */
  cancel(): void {
    Atomics.store(this.words, this.word, DOORBELL_AWAKE);
  }

  /** Sleeps until rung, at most `timeoutUs`. Returns true when it was rung. Only after `prepare`. */
  park(timeoutUs: number): boolean {
    assert(timeoutUs > 0, 'a park has a time limit');
    assert(timeoutUs <= PARK_US_MAX, 'a park must not hold up the end of its thread');
    this.waker.park(this.word, DOORBELL_ASLEEP, timeoutUs);
    return Atomics.exchange(this.words, this.word, DOORBELL_AWAKE) === DOORBELL_AWAKE;
  }

  /**
   * For a thread with an event loop, whose word is rung through an AtomicsWaker: a promise that resolves when rung or after
   * `timeoutMs`, or undefined when it was rung already. Only after `prepare`; `cancel` follows when it resolves. A pending
   * wait does not keep the event loop alive.
   */
  asyncWait(timeoutMs: number): Promise<string> | undefined {
    assert(timeoutMs > 0, 'a wait has a time limit');
    const wait = Atomics.waitAsync(this.words, this.word, DOORBELL_ASLEEP, timeoutMs);
    return wait.async ? wait.value : undefined;
  }
}
