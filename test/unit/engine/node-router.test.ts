/** Lanes of a node stay with its own replica, in each life of its worker anew. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LaneClient } from '../../../src/engine/lane-client.ts';
import { NodeRouter } from '../../../src/engine/node-router.ts';
import type { WorkerSlot } from '../../../src/engine/supervisor.ts';
import { GROUP_ERROR_MACHINE, ROLE_FOLLOWER, ROLE_LEADER } from '../../../src/memory/descriptor.ts';
import { createStatusBlock, StatusWriter } from '../../../src/memory/status-block.ts';

function make() {
  const block = createStatusBlock();
  const slot = { isUp: false, epoch: 0 } as WorkerSlot;
  const leaders: number[] = [];
  const errors: string[] = [];
  const host = {
    onLeader: (_shard: number, replica: number) => void leaders.push(replica),
    onGroupError: (_shard: number, _replica: number, error: { code: string }) => void errors.push(error.code),
    slot: () => slot,
  };
  const routes: [number, number][] = [];
  const lane = {
    shard: 0,
    route: (replica: number, serial: number) => void routes.push([replica, serial]),
    unroute: () => void routes.push([-1, 0]),
  } as unknown as LaneClient;
  return {
    router: new NodeRouter([block], host, 1),
    status: new StatusWriter(block),
    slot,
    leaders,
    errors,
    lane,
    routes,
  };
}

const test = suite('node-router');

test('a lane goes to the worker of this process in its present life, whoever leads', () => {
  const { router, slot, lane, routes, status } = make();
  router.addLane(lane);
  assert.is(router.check(), 0);
  Object.assign(slot, { isUp: true, epoch: 4 });
  assert.is(router.check(), 1);
  status.setLeaderHint(2);
  assert.is(router.check(), 0, 'another leader is no other route');
  slot.isUp = false;
  router.check();
  Object.assign(slot, { isUp: true, epoch: 5 });
  router.check();
  assert.equal(routes, [
    [0, 4],
    [-1, 0],
    [0, 5],
  ]);
  const late: [number, number][] = [];
  router.addLane({
    shard: 0,
    route: (replica: number, serial: number) => late.push([replica, serial]),
  } as unknown as LaneClient);
  assert.equal(late, [[0, 5]]);
  router.removeLane(lane);
  assert.equal(routes.at(-1), [-1, 0]);
});

test('leaders are told once each; without a worker nobody is known', () => {
  const { router, slot, status, leaders } = make();
  status.setLeaderHint(2);
  router.check();
  assert.is(router.leaderOf(0), -1);
  Object.assign(slot, { isUp: true, epoch: 1 });
  router.check();
  router.check();
  status.setRole(ROLE_LEADER);
  router.check();
  status.setRole(ROLE_FOLLOWER);
  status.setLeaderHint(-1);
  router.check();
  assert.equal(leaders, [2, 1]);
  assert.is(router.leaderOf(0), -1);
  assert.is(router.statusOf(0).role, ROLE_FOLLOWER);
});

test('an error is told once and refuses calls until the worker begins anew', () => {
  const { router, slot, status, errors } = make();
  Object.assign(slot, { isUp: true, epoch: 1 });
  status.setError(GROUP_ERROR_MACHINE, 8, -1);
  router.check();
  router.check();
  assert.equal(errors, ['ERR_SYNOD_MACHINE_FAILED']);
  assert.is(router.failureOf(0)?.code, 'ERR_SYNOD_MACHINE_FAILED');
  status.clear();
  router.forget(0, 0);
  router.check();
  assert.is(router.failureOf(0), undefined);
});

test.run();
