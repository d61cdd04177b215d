/** Lanes go to the replica that leads; a shard that cannot go on says why, with replica and slot. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { Router } from '../../../src/engine/router.ts';
import {
  GROUP_ERROR_INVARIANT,
  GROUP_ERROR_LOG,
  GROUP_ERROR_MACHINE,
  GROUP_ERROR_NONDETERMINISTIC,
  LANE_ROUTE_CHANGE_WORD,
  LOG_FULL,
  LOG_SOUND,
  ROLE_FOLLOWER,
  ROLE_LEADER,
} from '../../../src/memory/descriptor.ts';
import { FakeGroup } from './fake-group.ts';

class Watched {
  readonly group: FakeGroup;
  readonly alive: boolean[];
  readonly leaders: number[] = [];
  readonly errors: { replica: number; error: SynodError }[] = [];
  readonly router: Router;

  constructor(replicas = 3) {
    this.group = new FakeGroup(replicas);
    this.alive = new Array<boolean>(replicas).fill(true);
    const events = {
      onLeader: (_group: number, replica: number) => this.leaders.push(replica),
      onGroupError: (_group: number, replica: number, error: SynodError) => this.errors.push({ replica, error }),
    };
    this.router = new Router(this.group.statuses, events, (replica) => this.alive[replica]!);
  }

  /** Writes the status of a replica. */
  status(replica: number) {
    return this.group.replicas[replica]!.status;
  }

  get failure(): string | undefined {
    return this.router.failureOf(0)?.code;
  }
}

const test = suite('router');

test('lanes are routed to the leader, those added later too', () => {
  const watched = new Watched();
  const early = watched.group.lane();
  watched.router.addLane(early);
  assert.is(watched.router.check(), 0);
  assert.is(early.routedTo, -1);
  watched.group.elect(2);
  assert.is(watched.router.check(), 1);
  const late = watched.group.lane();
  watched.router.addLane(late);
  assert.equal([early.routedTo, late.routedTo, late.routedSerial], [2, 2, 1]);
  assert.is(watched.router.leaderOf(0), 2);
  assert.equal(watched.leaders, [2]);
});

test('commands are refused while the leader is out of space, and only then', () => {
  const watched = new Watched();
  const refusal = (): string | undefined => watched.router.refusalOf(0)?.code;
  watched.status(1).setLogState(LOG_FULL);
  assert.is(refusal(), undefined, 'nobody leads');
  watched.group.elect(0);
  watched.router.check();
  assert.is(refusal(), undefined, 'the leader has space');
  watched.status(0).setLogState(LOG_FULL);
  assert.is(refusal(), 'ERR_SYNOD_DISK_FULL');
  assert.ok(watched.router.refusalOf(0)?.retryable);
  assert.is(watched.failure, undefined);
  watched.status(0).setLogState(LOG_SOUND);
  assert.is(refusal(), undefined);
});

test('while nothing changes no route is written', () => {
  const watched = new Watched();
  watched.group.elect(0);
  const lane = watched.group.lane();
  watched.router.addLane(lane);
  watched.router.check();
  const change = lane.words[LANE_ROUTE_CHANGE_WORD];
  assert.is(watched.router.check(), 0);
  assert.is(lane.words[LANE_ROUTE_CHANGE_WORD], change);
});

test('of two that say they lead, the one with the higher ballot does', () => {
  const watched = new Watched();
  const lane = watched.group.lane();
  watched.router.addLane(lane);
  for (const [replica, ballot] of [
    [0, 9],
    [1, 300],
    [2, 30],
  ] as const) {
    watched.status(replica).setBallot(ballot);
    watched.status(replica).setLeadership(1);
    watched.status(replica).setRole(replica === 2 ? ROLE_FOLLOWER : ROLE_LEADER);
  }
  watched.router.check();
  assert.is(lane.routedTo, 1);
});

test('a new leadership of the same replica is a new route', () => {
  const watched = new Watched();
  const lane = watched.group.lane();
  watched.router.addLane(lane);
  watched.group.elect(0);
  watched.router.check();
  watched.group.elect(0);
  assert.is(watched.router.check(), 1);
  assert.is(lane.routedSerial, 2);
});

test('a worker that is down leads nothing, whatever its status block still says', () => {
  const watched = new Watched();
  const lane = watched.group.lane();
  watched.router.addLane(lane);
  watched.group.elect(0);
  watched.router.check();
  watched.alive[0] = false;
  watched.router.check();
  assert.is(lane.routedTo, -1);
  assert.is(watched.router.leaderOf(0), -1);
  watched.status(1).setBallot(5);
  watched.status(1).setLeadership(5);
  watched.status(1).setRole(ROLE_LEADER);
  watched.router.check();
  assert.is(lane.routedTo, 1);
});

test('a lane that was removed is routed no more', () => {
  const watched = new Watched();
  const lane = watched.group.lane();
  watched.router.addLane(lane);
  watched.group.elect(0);
  watched.router.check();
  watched.router.removeLane(lane);
  assert.is(lane.routedTo, -1);
  watched.group.elect(1);
  watched.router.check();
  assert.is(lane.routedTo, -1);
});

test('each error is told once, and the shard goes on while a quorum does', () => {
  const watched = new Watched();
  watched.status(1).setError(GROUP_ERROR_MACHINE, 41, -1);
  watched.router.check();
  watched.router.check();
  assert.is(watched.errors.length, 1);
  assert.is(watched.errors[0]!.replica, 1);
  assert.match(watched.errors[0]!.error.message, /shard 0, replica 1, slot 41/);
  assert.is(watched.failure, undefined);
  watched.status(2).setError(GROUP_ERROR_MACHINE, 41, -1);
  watched.router.check();
  assert.is(watched.failure, 'ERR_SYNOD_MACHINE_FAILED');
});

test('every kind of error has its code', () => {
  const kinds: [number, string][] = [
    [GROUP_ERROR_MACHINE, 'ERR_SYNOD_MACHINE_FAILED'],
    [GROUP_ERROR_NONDETERMINISTIC, 'ERR_SYNOD_NONDETERMINISTIC'],
    [GROUP_ERROR_LOG, 'ERR_SYNOD_LOG_FAILED'],
    [GROUP_ERROR_INVARIANT, 'ERR_SYNOD_INVARIANT'],
    [99, 'ERR_SYNOD_INVARIANT'],
  ];
  for (const [error, code] of kinds) {
    const watched = new Watched(1);
    watched.status(0).setError(error, 3, 0);
    watched.router.check();
    assert.is(watched.failure, code);
  }
});

test('replies that differ stop the shard when its leader finds it, naming the other', () => {
  const watched = new Watched();
  watched.group.elect(0);
  watched.router.check();
  watched.status(0).setError(GROUP_ERROR_NONDETERMINISTIC, 17, 2);
  watched.router.check();
  assert.is(watched.failure, 'ERR_SYNOD_NONDETERMINISTIC');
  assert.match(watched.router.failureOf(0)!.message, /replica 2, at or below slot 17/);
});

test('a follower that differs from the leader does not stop the shard by itself', () => {
  const watched = new Watched();
  watched.group.elect(0);
  watched.router.check();
  watched.status(2).setError(GROUP_ERROR_NONDETERMINISTIC, 17, 0);
  watched.router.check();
  assert.is(watched.errors.length, 1);
  assert.is(watched.failure, undefined);
});

test('a failed shard is whole again once replacements give it a quorum', () => {
  const watched = new Watched();
  for (const replica of [0, 1]) watched.status(replica).setError(GROUP_ERROR_LOG, 5, -1);
  watched.router.check();
  assert.is(watched.failure, 'ERR_SYNOD_LOG_FAILED');
  watched.status(0).clear();
  watched.router.forget(0, 0);
  watched.router.check();
  assert.is(watched.failure, undefined);
  watched.status(0).setError(GROUP_ERROR_LOG, 6, -1);
  watched.router.check();
  assert.is(watched.failure, 'ERR_SYNOD_LOG_FAILED');
  assert.is(watched.errors.length, 3);
});

test.run();
