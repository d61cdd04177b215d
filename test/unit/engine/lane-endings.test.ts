/** Lanes whose sessions are being ended. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LaneClient } from '../../../src/engine/lane-client.ts';
import { LaneEndings } from '../../../src/engine/lane-endings.ts';
import { FakeGroup } from './fake-group.ts';

function make() {
  const group = new FakeGroup();
  group.elect(0);
  const removed: LaneClient[] = [];
  const endings = new LaneEndings((lane) => removed.push(lane));
  const open = (kind: 'writes' | 'reads' = 'writes'): LaneClient => {
    const lane = group.lane(kind);
    lane.route(group.leader, group.serial);
    group.work();
    lane.poll(() => {}, 9);
    return lane;
  };
  return { group, removed, endings, open };
}

const test = suite('engine/lane-endings');

test('a lane is taken away once the log has ended its session', () => {
  const { group, removed, endings, open } = make();
  const lane = open();
  assert.is(group.replicas[0]!.sessions.count, 1);
  endings.add(lane);
  endings.poll();
  assert.equal([endings.count, removed.length], [1, 0]);
  group.work();
  endings.poll();
  assert.equal([endings.count, removed], [0, [lane]]);
  assert.is(group.replicas[0]!.sessions.count, 0);
});

test('one without a session at once', () => {
  const { group, removed, endings, open } = make();
  endings.add(open('reads'));
  endings.add(group.lane());
  assert.equal([endings.count, removed.length], [0, 2]);
  assert.is(endings.poll(), 0);
});

test('a full lane waits for room', () => {
  const { group, removed, endings } = make();
  const lane = group.lane('writes', 1 << 12);
  lane.route(group.leader, group.serial);
  group.work();
  lane.poll(() => {}, 9);
  for (let at = lane.claim(900); at >= 0; at = lane.claim(900)) lane.publish();
  while (lane.claim(0) >= 0) lane.publish();
  endings.add(lane);
  for (let turn = 0; turn < 4; turn++) {
    group.work();
    endings.poll();
  }
  assert.equal([removed, group.replicas[0]!.sessions.count], [[lane], 0]);
});

test.run();
