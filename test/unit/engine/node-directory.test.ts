/** A node's directory is made by an explicit act, belongs to one node of one cluster, and is never started empty by mistake (S13). */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import {
  clusterIdOf,
  type NodeIdentity,
  type OpenedNodeDirectory,
  openNodeDirectory,
  volatileNodeDirectory,
} from '../../../src/engine/node-directory.ts';

const test = suite('node-directory');
let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-node-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

const BASE = {
  cluster: 'c',
  id: 2,
  memberIds: [1, 2, 3],
  shards: 4,
  workers: 2,
  bootstrap: false,
  lostReplicas: 'refuse' as const,
};

function open(changes: Partial<NodeIdentity> = {}): OpenedNodeDirectory {
  return openNodeDirectory({ ...BASE, directory: join(root, 'data'), ...changes });
}

function refusal(changes: Partial<NodeIdentity> = {}): SynodError {
  try {
    open(changes).release();
  } catch (error) {
    return error as SynodError;
  }
  throw new Error('it was taken');
}

/** A first start to the end: logs hold something. */
function bootstrap(): void {
  const directory = open({ bootstrap: true });
  for (let log = 0; log < directory.logs; log++) writeFileSync(join(directory.logDirectory(log), 'segment'), 'x');
  directory.settle();
  directory.release();
}

test('only a bootstrap makes a member with votes out of an empty directory', () => {
  assert.is(refusal().code, 'ERR_SYNOD_DIRECTORY_MISMATCH');
  assert.match(refusal().message, /bootstrap: true/);
  const directory = open({ bootstrap: true });
  assert.not(directory.isForgotten);
  assert.is(directory.boots, 1);
  assert.is(directory.logs, 2);
  directory.release();
});

test('one that may have been lost comes back without votes, where others can teach it', () => {
  const directory = open({ lostReplicas: 'rejoin' });
  assert.ok(directory.isForgotten && directory.isReplacement);
  directory.release();
  rmSync(join(root, 'data'), { recursive: true });
  assert.is(refusal({ lostReplicas: 'rejoin', memberIds: [1, 2] }).code, 'ERR_SYNOD_DIRECTORY_MISMATCH');
});

test('a directory made later has the higher incarnation, and says that it replaces another', () => {
  const first = open({ bootstrap: true });
  first.release();
  assert.not(first.isReplacement);
  rmSync(join(root, 'data'), { recursive: true });
  const made = Date.now();
  while (Date.now() === made);
  const second = open({ lostReplicas: 'rejoin' });
  second.release();
  assert.ok(second.incarnation > first.incarnation && Number.isSafeInteger(second.incarnation));
  const again = open();
  assert.ok(again.isReplacement, 'for good: a peer may have been down when it came');
  again.release();
});

test('what was forgotten stays so until the logs say it', () => {
  open({ lostReplicas: 'rejoin' }).release();
  const again = open();
  assert.ok(again.isForgotten, 'a crash before the logs were open');
  for (let log = 0; log < again.logs; log++) writeFileSync(join(again.logDirectory(log), 'segment'), 'x');
  again.settle();
  again.release();
  const later = open();
  assert.not(later.isForgotten);
  later.release();
});

test('starts are counted, also where bootstrap is still said; identity and incarnation stay', () => {
  bootstrap();
  const second = open({ bootstrap: true });
  const { incarnation, clusterId } = second;
  assert.is(second.boots, 2);
  assert.is(clusterId, clusterIdOf('c', [3, 2, 1]));
  second.release();
  const third = open({ workers: 7 });
  assert.equal([third.boots, third.incarnation, third.logs], [3, incarnation, 2]);
  third.release();
});

test('another node, name, member set or shard count is refused, and the message says what stands there', () => {
  bootstrap();
  const cases: [Partial<NodeIdentity>, RegExp][] = [
    [{ id: 3 }, /node 2, not 3/],
    [{ cluster: 'd' }, /another name/],
    [{ memberIds: [1, 2, 4] }, /1, 2, 3/],
    [{ shards: 5 }, /4 shards, not 5/],
  ];
  for (const [changes, message] of cases) {
    assert.is(refusal(changes).code, 'ERR_SYNOD_DIRECTORY_MISMATCH');
    assert.match(refusal(changes).message, message);
  }
});

test('a log that was used and is empty now is a loss', () => {
  bootstrap();
  rmSync(join(root, 'data', 'log-1'), { recursive: true });
  assert.match(refusal().message, /log-1 was used/);
  assert.match(refusal({ bootstrap: true }).message, /log-1 was used/, 'and bootstrap does not hide it');
  const directory = open({ lostReplicas: 'rejoin' });
  assert.ok(directory.isForgotten);
  directory.release();
});

test('a crash during the first start is a first start again', () => {
  open({ bootstrap: true }).release();
  const directory = open();
  assert.not(directory.isForgotten);
  directory.release();
});

test('logs without their identity are refused', () => {
  mkdirSync(join(root, 'data', 'log-0'), { recursive: true });
  writeFileSync(join(root, 'data', 'log-0', 'segment'), 'x');
  assert.match(refusal({ bootstrap: true }).message, /is missing/);
});

test('a format of another version is refused', () => {
  bootstrap();
  const path = join(root, 'data', 'node.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), format: 99 }));
  assert.match(refusal().message, /format 99/);
});

test('what peers showed is kept over starts', () => {
  bootstrap();
  const first = open();
  assert.equal(first.peer(3), { incarnation: 0, boots: 0 });
  first.notePeer(3, { incarnation: 77, boots: 4 });
  first.release();
  const second = open();
  assert.equal(second.peer(3), { incarnation: 77, boots: 4 });
  second.release();
});

test('one process at a time', () => {
  const held = open({ bootstrap: true });
  assert.is(refusal().code, 'ERR_SYNOD_DIRECTORY_LOCKED');
  held.release();
});

test('without a directory only a bootstrap begins with votes (S4)', () => {
  assert.not(volatileNodeDirectory({ ...BASE, bootstrap: true }).isForgotten);
  assert.ok(volatileNodeDirectory({ ...BASE, lostReplicas: 'rejoin' }).isForgotten);
  assert.throws(() => volatileNodeDirectory(BASE), /bootstrap: true/);
  const directory = volatileNodeDirectory({ ...BASE, bootstrap: true });
  directory.notePeer(1, { incarnation: 5, boots: 1 });
  assert.equal(directory.peer(1), { incarnation: 5, boots: 1 });
});

test('once every log says that it forgot, none is told to forget again', () => {
  const directory = open({ lostReplicas: 'rejoin' });
  directory.settle();
  assert.not(directory.isForgotten, 'a worker that is restarted asks anew');
  directory.release();
});

test('what an earlier cluster of this name left is not taken for its own: neither logs nor snapshots', () => {
  const directory = open({ bootstrap: true });
  directory.release();
  rmSync(join(root, 'data', 'node.json'));
  mkdirSync(join(directory.snapshotDirectory, 'group-0'), { recursive: true });
  const refused = refusal({ bootstrap: true });
  assert.is(refused.code, 'ERR_SYNOD_DIRECTORY_MISMATCH');
  assert.match(refused.message, /holds snapshots/);
});

test.run();
