/**
 * Lanes that were closed and whose sessions are being ended in the log: until that is done, or for a while, they stay routed.
 * Without it a client that opens and closes lanes would fill the session table until log time expires them.
 *
 *   closeLane ─▶ CLOSE_SESSION ─▶ applied: "session is gone" ─▶ the lane is taken from the workers
 */
import type { LaneClient, OnCompleted } from './lane-client.ts';

/** Then the session is left to expire. */
const PATIENCE_MS = 2000;
const POLL_LIMIT = 4096;

interface Ending {
  lane: LaneClient;
  isSent: boolean;
  deadline: number;
}

export class LaneEndings {
  readonly #remove: (lane: LaneClient) => void;
  #endings: Ending[] = [];

  constructor(remove: (lane: LaneClient) => void) {
    this.#remove = remove;
  }

  get count(): number {
    return this.#endings.length;
  }

  /** What is still in flight there completes without anybody to hear of it. */
  add(lane: LaneClient): void {
    if (lane.isReads || !lane.isOpen || lane.endStatus !== 0) this.#remove(lane);
    else this.#endings.push({ lane, isSent: lane.end(), deadline: performance.now() + PATIENCE_MS });
  }

  /** Returns the work done. */
  poll(): number {
    if (this.#endings.length === 0) return 0;
    const now = performance.now();
    let work = 0;
    for (const ending of this.#endings) {
      work += ending.lane.poll(ignore, POLL_LIMIT);
      if (!ending.isSent) ending.isSent = ending.lane.end();
    }
    this.#endings = this.#endings.filter(({ lane, deadline }) => {
      if (lane.endStatus === 0 && now < deadline) return true;
      this.#remove(lane);
      work += 1;
      return false;
    });
    return work;
  }
}

const ignore: OnCompleted = () => {};
