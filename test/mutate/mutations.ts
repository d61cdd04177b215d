/**
 * One-line mutations of the compiled code, each a mistake that somebody could make, and what must notice it: test files by
 * part of their path, or the simulator ('sim').
 */
export interface Mutation {
  file: string;
  /** Must stand in the compiled file exactly once. */
  find: string;
  replace: string;
  why: string;
  killers: readonly string[];
}

const SIM = ['sim'];

export const MUTATIONS: readonly Mutation[] = [
  // promises and votes
  m(
    'paxos/acceptor',
    'if (message[M_BALLOT] < state.promisedBallot) {\n            this.#reject(from, message[M_BALLOT]);\n            return false;\n        }\n        this.promise',
    'this.promise',
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
    'paxos/proposer',
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
    SIM,
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
    'paxos/replica',
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
    'if (configuration.quorums.isAcceptQuorum(members))',
    'if (members > 0)',
    'confirm reads without a quorum',
    SIM,
  ),
  m(
    'paxos/leader-contact',
    'if (round < this.#firstRound || round <= this.#lastRound[from])',
    'if (round <= this.#lastRound[from])',
    'count rounds of an earlier leadership',
    ['unit/paxos', 'sim'],
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
    'if (ballot > 0)\n        recoverPromise(state, ballot, sequence);',
    '',
    'a recovered vote implies no promise',
    SIM,
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
    'if (this.driver.appliedWatermark < this.driver.replica.recoveryEnd)\n            return 0;',
    '',
    'judge sessions too early (D7)',
    SIM,
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
    'if (this.#driver.replica.confirmedRound < this.#round)\n            return 0;',
    '',
    'answer reads without a round',
    SIM,
  ),
  m(
    'runtime/read-queue',
    'if (this.#driver.appliedWatermark < this.#index[0])\n            return 0;',
    '',
    'answer reads before the index is applied',
    ['sim', 'unit/runtime'],
  ),
  // log
  m(
    'log/log-writer',
    'const floor = this.#numbers[DURABLE];',
    'const floor = position;',
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
    'memory/lane',
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
    'if (this.state.isRejoining)\n            return;\n        const before',
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
    'if (this.#drivers[i]?.durableSequence < this.#marks[i])\n                return 0;',
    '',
    'retire segments before the hard state is durable (S14)',
    ['unit/runtime/log-truncator'],
  ),
  m(
    'runtime/log-truncator',
    'if (driver.replica.state.isRejoining)\n                return 0;',
    '',
    'retire the mark of a loss (S12)',
    ['unit/runtime/log-truncator'],
  ),
  m(
    'runtime/snapshot-taker',
    'const oldest = kept.length < SNAPSHOTS_KEPT ? replica.state.truncationPoint : kept[0];',
    'const oldest = target.watermark;',
    'truncate behind the newest snapshot only (S16)',
    ['unit/runtime/snapshot-taker'],
  ),
  m('paxos/catch-up', 'words[at + A_SLOT] = state.truncationPoint;', '', 'a mark without its truncation point (S16)', [
    'unit/paxos/catch-up',
  ]),
  m('runtime/snapshot-receiver', 'message[M_AUX] !== target.size', 'false', 'take parts of a snapshot in any order', [
    'unit/runtime/snapshot-receiver',
  ]),
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
  m(
    'log/open-log',
    'recovery.damage !== undefined || options.isForgotten === true',
    'recovery.damage !== undefined',
    'a lost directory votes as a new one (S13)',
    SIM,
  ),
  m(
    'log/open-log',
    'cut: recovery.endPosition,\n        isForgotten,',
    'cut: recovery.endPosition,\n        isForgotten: options.isForgotten === true,',
    'damage is forgotten at the next restart (S12)',
    SIM,
  ),
  m(
    'log/recovery',
    'if (this.#floor > this.#prefixEnd)',
    'if (false)',
    'a gap below the durable floor is cut (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'else if (this.#prefixEnd !== limit) {',
    'else if (false) {',
    'an older incarnation need not be whole (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'this.#loseHeader(base, view.incarnation);',
    'break;',
    'a rotten segment header hides its segment (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'if (segments[0].header?.isForgotten === true)\n            this.#onForgotten();',
    '',
    'the mark of who forgot is not read (S12)',
    SIM,
  ),
  m(
    'log/segment-scan',
    'return crc === this.#words[index + layout.ENTRY_VALUE_CRC_WORD];',
    'return true;',
    'recovery takes a value without its checksum',
    SIM,
  ),
  m('paxos/recover', 'state.isRejoining = true;', '', 'who forgot votes at once (S12)', SIM),
  m(
    'paxos/election',
    'this.campaignAt = this.#leaderlessCommit;\n        if (state.commitWatermark >= this.campaignAt)',
    'if (state.commitWatermark >= this.#leaderlessCommit)',
    'a candidate that is behind does not plan to catch up first',
    ['unit/paxos/election'],
  ),
  m(
    'paxos/election',
    'if (message[M_COMMIT] > this.#leaderlessCommit)\n            this.#leaderlessCommit = message[M_COMMIT];',
    'if (message[M_COMMIT] > this.campaignAt)\n            this.campaignAt = message[M_COMMIT];',
    'one leaderless member is enough to disturb a leader',
    ['unit/paxos/election', 'sim/partial-meshes'],
  ),
];

function m(file: string, find: string, replace: string, why: string, killers: readonly string[]): Mutation {
  return { file: `src/${file}.js`, find, replace, why, killers };
}
