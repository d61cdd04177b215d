/**
 * One-line mutations of the compiled code, each a mistake that somebody could make, and what must notice it: test files by
 * part of their path, or the simulator ('sim').
 */

import { LOG_MUTATIONS } from './log-mutations.ts';
import { type Mutation, m } from './mutation.ts';
import { NODE_MUTATIONS } from './node-mutations.ts';
import { READ_MUTATIONS } from './read-mutations.ts';
import { SMALL_SCOPE_MUTATIONS } from './small-scope-mutations.ts';
import { SNAPSHOT_MUTATIONS } from './snapshot-mutations.ts';
import { STORAGE_MUTATIONS } from './storage-mutations.ts';

const SIM = ['sim'];

export const MUTATIONS: readonly Mutation[] = [
  // promises and votes
  m(
    'paxos/acceptor',
    'if (message[M_BALLOT] < state.promisedBallot) {\n            this.#reject(from, message[M_BALLOT]);\n            return false;\n        }\n        if (!this.#isNewAttempt',
    'if (!this.#isNewAttempt',
    'promise a lower ballot',
    SIM,
  ),
  m(
    'paxos/acceptor',
    'if (raises)\n            state.promisedBallot = message[M_BALLOT];',
    '',
    'a vote does not raise the promise',
    SIM,
  ),
  m(
    'paxos/acceptor',
    'this.#accepted(from, message[M_BALLOT], slot, slot + 1, window.voteSequence[i]);',
    'this.#accepted(from, message[M_BALLOT], slot, slot + 1, 0);',
    'answer a vote before it is durable (S1)',
    SIM,
  ),
  m(
    'paxos/acceptor',
    'const at = state.send(PROMISE, 1 << from, state.lastSequence);',
    'const at = state.send(PROMISE, 1 << from, 0);',
    'answer a promise before it is durable (S1)',
    SIM,
  ),
  m(
    'paxos/acceptor',
    'for (let slot = first > window.base ? first : window.base; slot < window.nextSlot; slot++) {',
    'for (let slot = first > window.base ? first : window.base; slot < window.nextSlot - 1; slot++) {',
    'forget to report the newest vote',
    SIM,
  ),
  m(
    'paxos/acceptor',
    'window.voteSequence[i] = state.nextSequence();',
    'window.voteSequence[i] = state.lastSequence; state.nextSequence();',
    'a vote waits for its predecessor only',
    SIM,
  ),
  // quorums
  m(
    'paxos/quorum',
    'return popcount(members) >= this.acceptQuorum;',
    'return popcount(members) >= this.acceptQuorum - 1;',
    'accept quorum off by one',
    SIM,
  ),
  m(
    'paxos/quorum',
    'return popcount(members) >= this.prepareQuorum;',
    'return popcount(members) >= this.prepareQuorum - 1;',
    'prepare quorum off by one',
    SIM,
  ),
  m(
    'paxos/quorum',
    'return Math.floor(memberCount / 2) + 1;',
    'return Math.floor(memberCount / 2);',
    'a majority that is half',
    ['unit/paxos', 'sim'],
  ),
  // proposer
  m(
    'paxos/proposer',
    'this.ballot = nextBallot(state.seenBallot, state.configuration.nodeId);',
    'this.ballot = nextBallot(0, state.configuration.nodeId);',
    'reuse ballots',
    SIM,
  ),
  m(
    'paxos/proposer-messages',
    'const at = state.send(PREPARE, to, state.promiseSequence);',
    'const at = state.send(PREPARE, to, 0);',
    'PREPARE before the own promise is durable (S2)',
    ['unit/paxos'],
  ),
  m(
    'paxos/proposer',
    'if (message[M_COMMIT] > state.commitWatermark)\n            return message[M_COMMIT];',
    '',
    'propose below the commit watermark of the quorum (S6)',
    SIM,
  ),
  m(
    'paxos/proposer',
    'if (this.#ledger.reportsOf(from) !== message[M_AUX])\n            return -1;',
    '',
    'count half an answer (I9)',
    ['unit/paxos', 'sim'],
  ),
  m(
    'paxos/proposer',
    'if (proposal === PROPOSAL_NONE || (proposal === PROPOSAL_OPEN && !state.holdsValueOf(slot, message))) {',
    'if (false) {',
    'a refuted leader goes on (I11)',
    ['unit/paxos', 'interaction'],
  ),
  m(
    'paxos/acceptor',
    'if (!this.#isNewAttempt(message))\n            return false;',
    '',
    'answer one attempt twice (I9)',
    ['unit/paxos', 'interaction'],
  ),
  m(
    'paxos/recover',
    'state.answeredAttempt = ANSWERED_IN_EARLIER_LIFE;',
    '',
    'a restart forgets which attempts were answered (I9)',
    ['unit/paxos'],
  ),
  m(
    'paxos/proposer',
    'if (state.role !== LEADER || message[M_BALLOT] !== this.ballot)\n            return;\n        const window',
    'if (state.role !== LEADER)\n            return;\n        const window',
    'count votes of another ballot',
    ['sim', 'unit/paxos'],
  ),
  m(
    'paxos/proposer',
    'if (window.voteSequence[i] > state.persistedSequence)\n                break;',
    '',
    'count the own vote before it is durable',
    ['sim', 'unit/paxos'],
  ),
  m('paxos/proposer', 'if (length === 0) {', 'if (length >= 0) {', 'fill a gap that holds a vote with a no-op', SIM),
  m(
    'paxos/promise-ledger',
    'if (ballot < best)\n            return;',
    'if (ballot > best && best > 0)\n            return;',
    'take the lowest reported vote',
    ['unit/paxos/promise-ledger', ...SIM],
  ),
  m(
    'paxos/promise-ledger',
    'this.#reports[from] = 0;\n            this.#state',
    'this.#state',
    'mix two answers of one member',
    ['sim', 'unit/paxos'],
  ),
  // learner
  m(
    'paxos/learner',
    'state.window.voteBallot[i] === state.heardBallot',
    'state.window.voteBallot[i] > 0',
    "take the leader's watermark for any vote (S5)",
    SIM,
  ),
  m(
    'paxos/learner',
    'while (slot < stop && this.isLearned(slot))',
    'while (slot < stop && (this.isLearned(slot) || slot + 1 < state.heardCommit))',
    'commit over a gap',
    SIM,
  ),
  m(
    'paxos/follower-contact',
    'const sequence = this.#acceptor.promise(ballot);',
    'const sequence = 0;',
    'confirm a round without a promise (S20)',
    SIM,
  ),
  m(
    'paxos/replica',
    'return this.state.commitWatermark > end ? this.state.commitWatermark : end;',
    'return 0;',
    'read below the commit watermark',
    SIM,
  ),
  m(
    'paxos/leader-contact',
    'if (quorums.isAcceptQuorum(this.#answeredBy(candidate)))',
    'if (candidate > 0)',
    'confirm reads without a quorum',
    ['unit/paxos/leader-contact'],
  ),
  m(
    'paxos/catch-up',
    'if (end > state.commitWatermark)\n            end = state.commitWatermark;',
    'if (end > state.window.nextSlot)\n            end = state.window.nextSlot;',
    'serve slots that are not chosen',
    SIM,
  ),
  m(
    'paxos/recover',
    'if (ballot > state.promisedBallot) {',
    'if (ballot < state.promisedBallot) {',
    'forget the promise at restart',
    SIM,
  ),
  m(
    'paxos/recover',
    'if (ballot > 0)\n        recoverPromise(state, ballot, sequence);\n    const window',
    'const window',
    'a recovered vote implies no promise',
    ['unit/paxos/recover', 'sim'],
  ),
  m('paxos/slot-window', 'if (slot >= this.#nextSlot)', 'if (slot > this.#nextSlot)', 'next slot off by one', SIM),
  // driver
  m(
    'runtime/group-driver',
    'if (words[at + A_SEQUENCE] <= this.#ledger.durable)',
    'if (words[at + A_SEQUENCE] >= 0)',
    'drop the persist wait',
    SIM,
  ),
  m(
    'runtime/persist-ledger',
    'this.#ends[(durable + 1) & this.#mask] <= position',
    'this.#ends[durable & this.#mask] <= position',
    'durable one record early',
    ['unit/runtime', 'sim'],
  ),
  m(
    'runtime/group-driver',
    'this.#appliedWatermark += 1;',
    'this.#appliedWatermark += 2;',
    'skip a slot when applying',
    SIM,
  ),
  m(
    'runtime/group-host',
    '!state.hasState || (isLeader && applied < recoveryEnd)',
    '!state.hasState',
    'judge sessions too early (D7)',
    ['unit/runtime/group-host'],
  ),
  m(
    'runtime/group-recovery',
    'if (record.kind !== KIND_VOTE_AGAIN)',
    'if (record.kind === KIND_VOTE)',
    'lose learned values at restart',
    SIM,
  ),
  // sessions
  m(
    'runtime/session-table',
    'const expected = this.#last[index] + 1;',
    'const expected = this.#last[index];',
    'dedupe off by one',
    SIM,
  ),
  m(
    'runtime/session-table',
    'return numbers[at] < expected ? DUPLICATE : GAP;',
    'return FRESH;',
    'apply duplicates and gaps',
    SIM,
  ),
  m('runtime/session-table', 'this.#last[index] = this.#last[index] + 1;', '', 'forget what was applied', SIM),
  m(
    'runtime/lane-tap',
    'this.#next[0] = this.reader.routedNumber;',
    'this.#next[0] = 1;',
    'complete from the first number after every route',
    ['sim', 'unit/runtime'],
  ),
  m(
    'runtime/read-queue',
    'if (replica.confirmedRound < this.#serial[0])\n            return false;',
    '',
    'answer reads without a round',
    ['unit/runtime/read-queue', 'sim'],
  ),
  m(
    'runtime/read-queue',
    'if (!this.#isSettled() || this.#driver.appliedWatermark < this.#index[0])',
    'if (!this.#isSettled())',
    'answer reads before the index is applied',
    ['sim', 'unit/runtime'],
  ),
  // log
  m(
    'log/log-writer',
    'place[PLACE_FLOOR] = this.#numbers[DURABLE];',
    'place[PLACE_FLOOR] = place[PLACE_POSITION];',
    'a durable floor that is not durable',
    ['property/log-recovery', 'unit/log'],
  ),
  m(
    'log/record-header',
    'crc32cPair(positionLow, positionHigh,',
    'crc32cPair(0, 0,',
    'a record checksum without its position',
    ['unit/log'],
  ),
  m(
    'memory/lane-reader',
    'if (!this.active || !this.isRouteUnchanged()) {',
    'if (!this.active) {',
    'pass on torn bytes of a changed route',
    ['stress/lane', 'unit/memory', 'property/lane'],
  ),
  m('engine/lane-client', 'else if (this.#isMarked && ', 'else if (', 'take completions of an earlier route', [
    'unit/engine',
  ]),
  // rejoin (S12)
  m(
    'paxos/rejoin',
    'if (!hadFloor || !isLeader || ballot <= this.#floor || ballot <= state.promisedBallot)',
    'if (!isLeader || ballot <= state.promisedBallot)',
    'rejoin in any ballot',
    ['unit/paxos/rejoin', 'property/core'],
  ),
  m(
    'paxos/rejoin',
    'if (state.commitWatermark < message[M_SLOT])\n            return;',
    '',
    'rejoin before everything below the recovery end is learned',
    ['unit/paxos/rejoin', 'property/core'],
  ),
  m(
    'paxos/replica',
    'if (this.state.isRejoining || this.#cannotHelp(message))\n            return;\n        const before',
    'const before',
    'promise while memory is gone',
    ['unit/paxos/rejoin', 'property/core'],
  ),
  m(
    'paxos/rejoin',
    'return this.#answeredMembers === this.#state.configuration.peers;',
    'return this.#answeredMembers !== 0;',
    'a floor without asking everybody',
    ['unit/paxos/rejoin', 'property/core'],
  ),
  // snapshots and truncation
  m(
    'runtime/log-truncator',
    'if (this.#drivers[i]?.isDurable(this.#marks[i]) !== true)\n                return 0;',
    '',
    'retire segments before the hard state is durable (S14)',
    ['unit/runtime/log-truncator'],
  ),
  m(
    'runtime/log-truncator',
    'if (driver.replica.state.isRejoining || !driver.canMark)',
    'if (!driver.canMark)',
    'retire the mark of a loss (S12)',
    ['unit/runtime/log-truncator'],
  ),
  m('runtime/reply-store', 'this.#head = head;\n', 'this.#head = 0;\n', 'an image that lays replies out anew (S18)', [
    'property/reply-store',
  ]),
  m(
    'runtime/session-table',
    'this.#last[i] = table[at + 3];',
    'this.#last[i] = 0;',
    'an image that forgets what sessions applied (S16)',
    ['property/applier'],
  ),
  m('runtime/replica-host', 'this.#coverIdleLog();', '', 'an idle log without a floor (S11)', ['sim/idle-rot']),
  ...STORAGE_MUTATIONS,
  ...LOG_MUTATIONS,
  ...SNAPSHOT_MUTATIONS,
  ...NODE_MUTATIONS,
  ...READ_MUTATIONS,
  ...SMALL_SCOPE_MUTATIONS,
];
