/**
 * Keeps account of who was turned away or cut off: every case is counted in the link status block, and reported in words unless
 * the same was reported moments ago. A flood of strangers makes a counter run, not a log.
 */
import type { LinkStatusWriter } from './link-status.ts';
import { REASONS, type Reason } from './reason.ts';

/** The same reason from the same address is reported once in so long. */
const QUIET_MS = 5000;
/** Addresses and reasons remembered; beyond it all others share one place. */
const REMEMBERED_MAX = 256;

export interface Refusal {
  /** -1 where nobody said to be a member. */
  memberIndex: number;
  /** It was the peer that refused. */
  isByPeer: boolean;
  address: string;
  reason: Reason;
  detail: string;
}

export type ReportRefusal = (refusal: Refusal, message: string) => void;

export class Refusals {
  readonly #lineOf: (memberIndex: number) => LinkStatusWriter;
  readonly #report: ReportRefusal;
  readonly #lastMs = new Map<string, number>();
  readonly #now: () => number;

  constructor(lineOf: (memberIndex: number) => LinkStatusWriter, report: ReportRefusal, now: () => number) {
    this.#lineOf = lineOf;
    this.#report = report;
    this.#now = now;
  }

  add(refusal: Refusal): void {
    this.#lineOf(refusal.memberIndex).addRefusal(refusal.reason);
    if (this.#isNews(refusal)) this.#report(refusal, messageOf(refusal));
  }

  #isNews({ memberIndex, address, reason, isByPeer }: Refusal): boolean {
    const now = this.#now();
    const full = this.#lastMs.size >= REMEMBERED_MAX;
    const wanted = `${memberIndex} ${isByPeer} ${reason} ${address}`;
    const key = full && !this.#lastMs.has(wanted) ? 'others' : wanted;
    const last = this.#lastMs.get(key);
    if (last !== undefined && now - last < QUIET_MS) return false;
    if (full) this.#forget(now);
    this.#lastMs.set(key, now);
    return true;
  }

  #forget(now: number): void {
    for (const [key, last] of this.#lastMs) if (now - last >= QUIET_MS) this.#lastMs.delete(key);
  }
}

function messageOf({ memberIndex, isByPeer, address, reason, detail }: Refusal): string {
  const who = memberIndex < 0 ? 'A stranger' : `Member ${memberIndex}`;
  const from = address === '' ? '' : ` at ${address}`;
  const { text } = REASONS[reason];
  const what = detail === '' ? text : `${text} (${detail})`;
  return isByPeer ? `${who}${from} refused this node: ${what}.` : `${who}${from} was refused: ${what}.`;
}
