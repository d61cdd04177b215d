/** The fast lane's client over a FakeGroup: commands whose words tell which they are, and their replies. */
import * as assert from 'uvu/assert';
import type { LaneClient } from '../../../src/engine/lane-client.ts';
import { REPLY_OK } from '../../../src/memory/descriptor.ts';
import type { FakeGroup } from './fake-group.ts';

export const ALL = 1_000_000;

export interface Reply {
  number: number;
  status: number;
  word: number;
  length: number;
}

export function poll(lane: LaneClient, limit = ALL): Reply[] {
  const replies: Reply[] = [];
  lane.poll((number, status, bytes, offset, length) => {
    const word = length >= 4 ? new DataView(bytes.buffer, offset, 4).getInt32(0, true) : -1;
    replies.push({ number, status, word, length });
  }, limit);
  return replies;
}

/** Publishes commands whose first words are `from`, `from + 1`, …; returns how many found room. */
export function publish(lane: LaneClient, from: number, count: number, bytes = 8): number {
  for (let i = 0; i < count; i += 1) {
    const at = lane.claim(bytes);
    if (at < 0) return i;
    lane.words[at >> 2] = from + i;
    lane.publish();
  }
  return count;
}

export function openLane(group: FakeGroup, laneBytes = 1 << 16): LaneClient {
  const lane = group.lane('writes', laneBytes);
  if (group.leader < 0) group.elect(0);
  lane.route(group.leader, group.serial);
  group.work();
  assert.equal(poll(lane), []);
  assert.ok(lane.isOpen);
  return lane;
}

export const expected = (from: number, to: number): Reply[] =>
  Array.from({ length: to - from }, (_, i) => ({ number: from + i + 1, status: REPLY_OK, word: from + i, length: 8 }));

export const appliedOnce = (group: FakeGroup, count: number): boolean =>
  group.replicas.every(
    ({ machine }) => machine.applied.size === count && [...machine.applied.values()].every((n) => n === 1),
  );
