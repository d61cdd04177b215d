/** Memory that the lives of a member use one after the other: nothing in it is read before it was written, and making it anew costs more than a life. */
import type { GroupId, MemberIndex } from '../../src/base/types.ts';
import { LOG_SEGMENT_BYTES } from '../../src/limits.ts';
import { Outbox } from '../../src/paxos/outbox.ts';

const CHUNKS = 2;

/** By member: chunks of 16 MiB, once per process. */
const chunkPool: SharedArrayBuffer[][] = [];
/** By member and group: what a life emits is gone before the next one begins. */
const outboxPool: Outbox[][] = [];

export function chunksOf(index: MemberIndex): SharedArrayBuffer[] {
  chunkPool[index] ??= Array.from({ length: CHUNKS }, () => new SharedArrayBuffer(LOG_SEGMENT_BYTES));
  return chunkPool[index];
}

export function outboxOf(index: MemberIndex, group: GroupId): Outbox {
  outboxPool[index] ??= [];
  const outboxes = outboxPool[index];
  outboxes[group] ??= new Outbox();
  return outboxes[group];
}
