/** Clients of nodes in one thread: each has a lane at one member, and keeps what it was answered. */
import { REPLY_SESSION_OPENED } from '../../src/memory/descriptor.ts';
import type { InThreadCluster, TestLane } from './in-thread-cluster.ts';
import { type Completion, put, takeCompletions } from './lane-kit.ts';

export class NodeClient {
  readonly lane: TestLane;
  readonly replies: Completion[] = [];
  #isOpen = false;

  constructor(cluster: InThreadCluster, member: number, nonce: number) {
    this.lane = cluster.laneAt(member, nonce);
    this.lane.writer.claimOpen();
    this.lane.writer.publish();
  }

  /** Takes what was completed; returns true once the session is open. */
  poll(): boolean {
    const { replies } = takeCompletions(this.lane.rings[0]!);
    for (const reply of replies) {
      if (reply.status === REPLY_SESSION_OPENED && !this.#isOpen) {
        this.#isOpen = true;
        this.lane.writer.setSession(reply.word!);
        this.lane.writer.free(1);
      } else if (reply.number > 0) {
        this.replies.push(reply);
        this.lane.writer.free(1);
      }
    }
    return this.#isOpen;
  }

  put(value: number): void {
    put(this.lane.writer, value);
  }
}
