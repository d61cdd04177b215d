/**
 * The core's output: actions in the order in which they must be executed, as numbers in one preallocated array.
 * Only `runtime/group-driver` reads it; it executes persist → send → commit in exactly this order.
 *
 *   action  | OP | KIND | TO | BALLOT | SLOT | COMMIT | AUX | AUX2 | VALUE_LENGTH | VALUE_CRC | SEQUENCE | FLAGS |
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import { OUTBOX_ACTIONS_MAX } from '../limits.ts';

/** Append a vote for SLOT at BALLOT; FLAGS says where the value is. SEQUENCE: its persist sequence. */
export const PERSIST_VOTE = 1;
/** Append the promise of BALLOT. */
export const PERSIST_PROMISE = 2;
/** Append a chosen value fetched from a peer (the staged value). */
export const PERSIST_LEARNED = 3;
/** Send a message of KIND to the members in TO, once SEQUENCE is durable (0: at once). */
export const SEND = 4;
/** All slots below COMMIT are learned: apply them in order, each once (I15), and each session's commands once (I17). */
export const COMMIT = 5;
/** The role changed; AUX: the new role (ROLE_*), AUX2: leadership serial. */
export const ROLE = 6;

/** Append the hard state once more: BALLOT is promised, everything below SLOT is in a published snapshot (S14, S16). */
export const PERSIST_MARK = 7;

/** PERSIST_VOTE: the value is the staged one. */
export const VALUE_STAGED = 1;
/** PERSIST_VOTE: the value is the one already recorded for the slot. */
export const VALUE_RECORDED = 2;
/** PERSIST_VOTE: the value is a no-op (length 0). */
export const VALUE_NOOP = 3;

export const A_OP = 0;
export const A_KIND = 1;
export const A_TO = 2;
export const A_BALLOT = 3;
export const A_SLOT = 4;
export const A_COMMIT = 5;
export const A_AUX = 6;
export const A_AUX2 = 7;
export const A_VALUE_LENGTH = 8;
export const A_VALUE_CRC = 9;
export const A_SEQUENCE = 10;
export const A_FLAGS = 11;
export const ACTION_FIELDS = 12;

export class Outbox {
  readonly words = new Float64Array(OUTBOX_ACTIONS_MAX * ACTION_FIELDS);
  #count = 0;

  /** Actions waiting. */
  get count(): number {
    return this.#count;
  }

  /** Index in `words` of action `index`. */
  at(index: number): number {
    assert(index >= 0 && index < this.#count, 'no such action');
    return index * ACTION_FIELDS;
  }

  /** True while `actions` more fit. */
  hasRoom(actions: number): boolean {
    return this.#count + actions <= OUTBOX_ACTIONS_MAX;
  }

  /** Starts an action with all fields 0 but OP, KIND and TO; returns its index in `words` for the caller to fill. */
  begin(op: number, kind: number, to: number): number {
    assert(this.#count < OUTBOX_ACTIONS_MAX, 'outbox overflow: one step emitted too many actions');
    const base = this.#count * ACTION_FIELDS;
    this.#count += 1;
    const words = this.words;
    for (let i = base; i < base + ACTION_FIELDS; i++) words[i] = 0;
    words[base + A_OP] = op;
    words[base + A_KIND] = kind;
    words[base + A_TO] = to;
    return base;
  }

  /** Forgets all actions: they were executed. */
  clear(): void {
    this.#count = 0;
  }
}
