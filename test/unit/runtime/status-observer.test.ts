/** What the coordinator sees, and who is blamed for deviating replies. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStatusBlock, StatusReader, StatusWriter } from '../../../src/memory/status-block.ts';
import { CANDIDATE, LEADER } from '../../../src/paxos/replica-state.ts';
import { StatusObserver } from '../../../src/runtime/status-observer.ts';

function make(members = 3) {
  const block = createStatusBlock();
  const blamed: [number, number][] = [];
  let rung = 0;
  const observer = new StatusObserver(
    new StatusWriter(block),
    members,
    0,
    () => {
      rung += 1;
    },
    (member, slot) => blamed.push([member, slot]),
  );
  return { observer, reader: new StatusReader(block), blamed, rung: () => rung };
}

const test = suite('runtime/status-observer');

test('a role is shown with its leadership serial, and the client is rung', () => {
  const { observer, reader, rung } = make();
  observer.onRole(CANDIDATE, 0, -1);
  observer.onRole(LEADER, 1, 0);
  assert.equal([reader.role, reader.leadership, reader.leaderHint, reader.elections, rung()], [LEADER, 1, 0, 1, 2]);
});

test('watermarks and commands are shown', () => {
  const { observer, reader } = make();
  observer.onCommit(5, 77);
  observer.onApplied(4, 99, 1000);
  assert.equal([reader.commit, reader.ballot, reader.applied, reader.commands], [5, 77, 4, 1000]);
  assert.equal([reader.sampleApplied(), reader.sampledDigest], [4, 99]);
});

test('one deviating member of three is blamed once another agrees behind that slot', () => {
  const { observer, blamed } = make();
  observer.onDigest(2, 10, false);
  observer.onDigest(1, 9, true);
  assert.equal(blamed, []);
  observer.onDigest(1, 10, true);
  observer.onDigest(2, 20, false);
  assert.equal(blamed, [[2, 10]]);
});

test('when most others deviate it is this replica that does', () => {
  const { observer, blamed } = make();
  observer.onDigest(1, 10, false);
  observer.onDigest(2, 11, false);
  assert.equal(blamed, [[0, 11]]);
});

test('agreement blames nobody', () => {
  const { observer, blamed } = make(5);
  for (let m = 1; m < 5; m++) observer.onDigest(m, 10, true);
  assert.equal(blamed, []);
});

test.run();
