/**
 * The clock of a group driver, for leases alone. The agent reads it once per duty cycle; a process may be stopped between that and what it does
 * next, so whatever a lease counts from or is judged by is read anew (S21).
 * @hot
 */
import { HEARTBEAT, HEARTBEAT_REPLY, READ_INDEX } from '../paxos/message.ts';

/** Monotonic milliseconds: `read` puts them into `ms[0]`. */
export interface DriverClock {
  readonly ms: Float64Array;
  read(): void;
}

/** For groups without leases. */
export const STILL_CLOCK: DriverClock = { ms: new Float64Array(1), read: () => {} };

/** A lease is granted, and one is judged, by a clock that was read after the message came. */
export function isTimed(kind: number): boolean {
  return kind === HEARTBEAT || kind === HEARTBEAT_REPLY || kind === READ_INDEX;
}
