/** Mutations of the log under failing media and power cuts: what opens, fills, recycles, recovers and hands over. */
import { type Mutation, m } from './mutation.ts';

const CUTS = ['power-cuts'];
const HOST = ['unit/runtime/replica-host-log'];

export const LOG_MUTATIONS: readonly Mutation[] = [
  m(
    'log/recovery',
    'header.cut <= base ? header.incarnation : 0',
    'header.cut > base ? header.incarnation : 0',
    'a rotten header is damage at every later start (S12)',
    ['unit/log/recovery-history'],
  ),
  m('log/recovery', 'header.base === base &&', '', 'a recycled segment counts under its old header (S11)', [
    'unit/log/recovery',
    ...CUTS,
  ]),
  m(
    'log/recovery',
    'if (this.#scan.isUnreadable(offset, LOG_BLOCK_BYTES))',
    'if (false)',
    'a block that cannot be read is cut like a torn one (S11)',
    ['unit/log/recovery'],
  ),
  m(
    'log/recovery',
    'this.#serial = view.serial + 1;',
    'this.#serial = 0;',
    'a gap between segments does not show (S11)',
    ['unit/log/recovery'],
  ),
  m(
    'log/record-header',
    'return readPair(words, index + layout.SUBMISSION_POSITION_WORD) === position;',
    'return true;',
    'stale submissions of a recycled segment count (S11)',
    ['unit/log', ...CUTS],
  ),
  m(
    'log/log-writer',
    'this.#numbers[DURABLE] = this.#queue.segmentAt(entry) * LOG_SEGMENT_BYTES + end;',
    'this.#numbers[DURABLE] = this.appendedPosition;',
    'more counts as durable than the device said (S1)',
    ['unit/log/log-writer', ...CUTS],
  ),
  m(
    'log/log-writer',
    'if (this.#opener.isFull)\n            return -1;',
    '',
    'a full disk takes values until nothing is left for promises (S14)',
    ['unit/log/log-writer'],
  ),
  m(
    'log/log-writer',
    'if (segment > this.#opener.openedSegment && !this.#opener.ensure(segment * LOG_SEGMENT_BYTES))\n            return false;',
    '',
    'a submission goes to a segment that is not open',
    ['unit/log/log-writer'],
  ),
  m('log/segment-opener', 'this.#waitTicks = SPACE_RETRY_TICKS;', '', 'a full disk is asked every turn', [
    'unit/log/segment-opener',
  ]),
  m('log/segment-opener', 'this.#numbers[GENERATION] += 1;', '', 'two segments have one generation (S14)', [
    'unit/log/segment-opener',
    ...CUTS,
  ]),
  m('runtime/replica-host', 'this.#watch.fail();', '', 'a failed log waits for an election timeout', HOST),
  m(
    'runtime/log-watch',
    'this.#become(this.#log.isFull ? LOG_FULL : isSlow ? LOG_SLOW : LOG_SOUND);',
    'this.#become(isSlow ? LOG_SLOW : LOG_SOUND);',
    'a leader without space keeps the leadership',
    HOST,
  ),
  m('runtime/log-watch', '&& this.#isOutrun()', '', 'every slow flush moves the leadership', [
    'unit/runtime/log-watch',
  ]),
  m(
    'paxos/leader-contact',
    'this.#lastRound[m] >= round',
    'this.#lastRound[m] > 0',
    'an answer to an old round confirms a new one (S20)',
    ['unit/paxos/leader-contact'],
  ),
  m(
    'paxos/catch-up',
    'if (isRetry && commit > state.commitWatermark)',
    'if (false)',
    'ask a member that is gone for ever',
    ['unit/paxos/catch-up'],
  ),
  m(
    'paxos/catch-up',
    'end < first + FETCH_SLOTS_MAX ? end : first + FETCH_SLOTS_MAX',
    'end',
    'ask for everything at once',
    ['unit/paxos/catch-up', 'property/catch-up'],
  ),
  m(
    'paxos/leader-contact',
    '(this.#burdened & (1 << m)) === 0',
    'true',
    'leadership goes round where every disk is full',
    ['unit/paxos/leader-contact', ...HOST],
  ),
  m(
    'engine/router',
    'logState !== LOG_FULL)\n            return undefined;',
    'logState !== LOG_FULL || true)\n            return undefined;',
    'commands wait for a full disk without a word',
    ['unit/engine/router'],
  ),
  m(
    'engine/supervisor',
    "if (message.kind === 'progress')\n                    timer.refresh();",
    '',
    'a long recovery is given up',
    ['unit/engine/supervisor'],
  ),
];
