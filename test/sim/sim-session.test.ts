/** What a resumed session may say, and what it makes of writes that nobody answered. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LaneClient } from '../../src/engine/lane-client.ts';
import { REPLY_SESSION_EXPIRED, REPLY_SESSIONS_FULL } from '../../src/memory/descriptor.ts';
import { History } from './history.ts';
import { SimSession } from './sim-session.ts';

const NAME = 7;
const lane = (isOpen: boolean, lastApplied = 0): LaneClient => ({ isOpen, lastApplied }) as LaneClient;
const unanswered = (value: number) => ({
  isRead: false,
  key: 1,
  value,
  invokedAt: 1,
  respondedAt: Number.POSITIVE_INFINITY,
});

/** Two writes acknowledged, then a life that ends with two unanswered. */
function interrupted() {
  const history = new History();
  const session = new SimSession(NAME, history);
  session.acknowledged = 2;
  session.end(lane(true), [unanswered(13), unanswered(14)]);
  session.resume();
  return { history, session };
}

const test = suite('sim session');

test('a life goes on with what the log knows, and with nothing else', () => {
  const session = new SimSession(NAME, new History());
  session.end(lane(false), []);
  assert.not(session.canResume);
  session.end(lane(true), []);
  assert.ok(session.canResume);
});

test('what was applied took effect by now, and what was not never will', () => {
  const { history, session } = interrupted();
  assert.is(session.look(lane(false), 8), '');
  assert.is(history.pending.length, 2);
  assert.is(session.look(lane(true, 3), 9), '');
  assert.equal(
    history.pending.map(({ value, respondedAt }) => [value, respondedAt]),
    [[13, 9]],
  );
  assert.is(session.acknowledged, 3);
});

test('what was acknowledged is not forgotten, and what was never sent is not applied', () => {
  assert.match(interrupted().session.look(lane(true, 1), 9), /after 2 was acknowledged/);
  assert.match(interrupted().session.look(lane(true, 5), 9), /4 was the last one sent/);
});

test('it may be lost to a rival, and to nothing else', () => {
  const { session } = interrupted();
  assert.not(session.mayBeLost(REPLY_SESSION_EXPIRED));
  session.end(lane(false), []);
  session.resume();
  assert.ok(session.mayBeLost(REPLY_SESSION_EXPIRED), 'the attempt of the life before may come yet');
  assert.not(session.mayBeLost(REPLY_SESSIONS_FULL));
  const { session: other } = interrupted();
  for (let life = 0; life < 2; life++) {
    assert.is(other.look(lane(true, 2), 9), '');
    assert.not(other.mayBeLost(REPLY_SESSION_EXPIRED));
    other.end(lane(true), []);
    other.resume();
  }
  assert.ok(other.mayBeLost(REPLY_SESSION_EXPIRED), 'a third attempt is one more than is remembered');
});

test.run();
