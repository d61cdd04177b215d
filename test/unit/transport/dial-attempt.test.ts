/** Both lanes or nothing. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DialAttempt } from '../../../src/transport/dial-attempt.ts';
import type { DialEvents } from '../../../src/transport/dialer.ts';
import { Handshake } from '../../../src/transport/handshake.ts';
import type { Identity } from '../../../src/transport/hello.ts';
import type { Line } from '../../../src/transport/line.ts';
import { duplexPair, lineOver, type PairEnd } from '../../support/duplex-pair.ts';
import { until } from '../../support/transport-kit.ts';

const test = suite('transport/dial-attempt');
const identity = (nodeId: number): Identity => ({ clusterId: 1, nodeId, incarnation: 1, bootCounter: 1, shards: 1 });
const expect = (nodeId: number) => ({ nodeId, incarnation: 1, bootCounter: 1 });

function attempt() {
  const dials: DialEvents[] = [];
  const givenUp: boolean[] = [];
  const result: { connected?: readonly [Line, Line]; failed?: string; failures: number } = { failures: 0 };
  const it = new DialAttempt({ nodeId: 2, host: 'there', port: 1 }, 7, {
    self: identity(1),
    expect,
    dial: (_target, events) => {
      const index = dials.push(events) - 1;
      givenUp.push(false);
      return () => {
        givenUp[index] = true;
      };
    },
    onHello: () => {},
    onConnected: (lines) => {
      result.connected = lines;
    },
    onFailed: (reason) => {
      result.failed = reason;
      result.failures += 1;
    },
  });
  return { it, dials, givenUp, result };
}

/** Answers a dial with a stream whose other end accepts, as node `nodeId`. */
function answer(events: DialEvents, nodeId = 2): { near: PairEnd; far: PairEnd } {
  const [near, far] = duplexPair();
  new Handshake(lineOver(far), { self: identity(nodeId), expect, onDone: () => {}, onFailed: () => {} });
  events.onLine(lineOver(near));
  return { near, far };
}

test('two lanes make a connection, in order of their lanes', async () => {
  const { dials, result } = attempt();
  assert.is(dials.length, 2);
  const control = answer(dials[1]!).near;
  const bulk = answer(dials[0]!).near;
  await until(() => result.connected !== undefined);
  assert.is(result.connected![0].stream, bulk);
  assert.is(result.connected![1].stream, control);
});

test('one lane that fails ends the other, and is reported once', async () => {
  const { dials, givenUp, result } = attempt();
  const { near } = answer(dials[0]!);
  dials[1]!.onFailed('unreachable', '');
  assert.is(result.failed, 'unreachable');
  assert.equal(givenUp, [true, true]);
  assert.ok(near.destroyed);
  dials[0]!.onFailed('closed', '');
  assert.is(result.failures, 1);
});

test('somebody else at the address is refused', async () => {
  const { dials, result } = attempt();
  answer(dials[0]!, 3);
  await until(() => result.failed !== undefined);
  assert.is(result.failed, 'wrongReceiver');
});

test('a line that comes after the end is closed', () => {
  const { it, dials, result } = attempt();
  it.fail('slow', '');
  const [near] = duplexPair();
  dials[0]!.onLine(lineOver(near));
  assert.ok(near.destroyed);
  assert.is(result.failed, 'slow');
});

test.run();
