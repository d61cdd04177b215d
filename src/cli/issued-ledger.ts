/**
 * What one client knows of its own commands: how many it issued, how many were acknowledged, and the order-sensitive
 * digest after each of the last ones. Replicas apply a client's commands in order, so whatever a replica reports must be a
 * prefix of what was issued, and hold at least what was acknowledged:
 *
 *   1 ┄┄┄┄┄┄┄┄┄┄┄┄ acknowledged ┄┄┄┄┄┄┄┄┄ issued
 *                  └──── unknown ────────┘
 *                         ▲ count of any replica, with the digest that the ring below holds for it
 * @hot
 */
import { assert } from '../base/assert.ts';

export class IssuedLedger {
  readonly #digests: Int32Array;
  readonly #mask: number;
  /** [issued, acknowledged] */
  readonly #counts = new Float64Array(2);

  /** Keeps the digests of `inFlightMax` commands without acknowledgement and of the last one with. */
  constructor(inFlightMax: number) {
    assert(inFlightMax > 0, 'a ledger has room for a command');
    const capacity = 2 ** Math.ceil(Math.log2(inFlightMax + 1));
    this.#digests = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  get issued(): number {
    return this.#counts[0] as number;
  }

  get acknowledged(): number {
    return this.#counts[1] as number;
  }

  get unknown(): number {
    return this.issued - this.acknowledged;
  }

  /** Digest of all issued commands; 0 when there are none. */
  get digest(): number {
    return this.#digests[(this.#counts[0] as number) & this.#mask] as number;
  }

  /** The next command was issued; `digest` covers it and all before. */
  issue(digest: number): void {
    const issued = (this.#counts[0] as number) + 1;
    assert(issued - (this.#counts[1] as number) <= this.#mask, 'the ledger has room for what is in flight');
    this.#counts[0] = issued;
    this.#digests[issued & this.#mask] = digest;
  }

  /** The command after the last acknowledged one was acknowledged. */
  acknowledge(): void {
    const acknowledged = (this.#counts[1] as number) + 1;
    assert(acknowledged <= (this.#counts[0] as number), 'a command is issued before it is acknowledged');
    this.#counts[1] = acknowledged;
  }

  /** Digest after the first `count` commands; `acknowledged <= count <= issued`. */
  digestAt(count: number): number {
    assert(count >= this.acknowledged && count <= this.issued, 'digests are kept from the last acknowledged on');
    return this.#digests[count & this.#mask] as number;
  }
}
