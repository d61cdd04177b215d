/**
 * The laws of the protocol over the whole state of a replica, numbered as in PROTOCOL.md. A contract looks at one call; these
 * look at what all calls together have made of the state.
 *
 *   checkBasic(state)           what holds between any two calls, with the outbox not drained yet
 *   checkDelta(before, after)   what no call may undo
 *   checkAcross(states)         what no two replicas may contradict each other in
 *
 * For tests and simulators: they walk every open slot and allocate. Each throws at the first law that is broken.
 */
import { ensures } from '../base/assert.ts';
import type { Ballot, Sequence, Slot } from '../base/types.ts';
import { ACCEPTOR_WINDOW_SLOTS } from '../limits.ts';
import { BALLOT_CHOSEN, ballotNode } from './ballot.ts';
import {
  ACCEPT,
  ACCEPTED,
  FETCH_VOTE,
  HEARTBEAT,
  HEARTBEAT_REPLY,
  LEARNED,
  PREPARE,
  PROMISE,
  REJECT,
  STATUS_REPLY,
} from './message.ts';
import { A_AUX, A_BALLOT, A_COMMIT, A_KIND, A_OP, A_SEQUENCE, A_SLOT, COMMIT, SEND } from './outbox.ts';
import { FOLLOWER, LEADER, type ReplicaState } from './replica-state.ts';
import { PROPOSAL_AWAITED, PROPOSAL_CHOSEN, PROPOSAL_NONE, PROPOSAL_OPEN } from './slot-window.ts';

/** What one open slot holds. */
export interface SlotSnapshot {
  voteBallot: Ballot;
  isLearned: boolean;
  length: number;
  crc: number;
}

/** What `checkDelta` compares. */
export interface Snapshot {
  tick: number;
  role: number;
  leadershipSerial: number;
  promisedBallot: Ballot;
  seenBallot: Ballot;
  lastSequence: Sequence;
  persistedSequence: Sequence;
  heardBallot: Ballot;
  heardCommit: Slot;
  truncationPoint: Slot;
  commitWatermark: Slot;
  nextSlot: Slot;
  /** Open slots that hold a value. */
  slots: Map<Slot, SlotSnapshot>;
}

export function snapshotOf(state: ReplicaState): Snapshot {
  const window = state.window;
  const slots = new Map<Slot, SlotSnapshot>();
  for (let slot = window.base; slot < window.nextSlot; slot++) {
    const i = window.index(slot);
    if (window.recorded[i] === 0) continue;
    slots.set(slot, {
      voteBallot: window.voteBallot[i] as Ballot,
      isLearned: window.learned[i] === 1,
      length: window.valueLength[i] as number,
      crc: window.valueCrc[i] as number,
    });
  }
  return {
    tick: state.tick,
    role: state.role,
    leadershipSerial: state.leadershipSerial,
    promisedBallot: state.promisedBallot,
    seenBallot: state.seenBallot,
    lastSequence: state.lastSequence,
    persistedSequence: state.persistedSequence,
    heardBallot: state.heardBallot,
    heardCommit: state.heardCommit,
    truncationPoint: state.truncationPoint,
    commitWatermark: state.commitWatermark,
    nextSlot: window.nextSlot,
    slots,
  };
}

/** What holds between any two calls. */
export function checkBasic(state: ReplicaState): void {
  const window = state.window;
  checkNumbers(state);
  for (let slot = window.base; slot < window.nextSlot; slot++) checkSlot(state, slot);
  for (let slot = window.nextSlot; slot < window.end; slot++) checkEmpty(state, slot);
  for (let index = 0; index < state.outbox.count; index++) {
    const at = state.outbox.at(index);
    const op = state.outbox.words[at + A_OP];
    if (op === SEND) checkSend(state, at);
    if (op === COMMIT) {
      const end = state.outbox.words[at + A_COMMIT] as Slot;
      ensures(end > 0 && end <= state.commitWatermark, 'I15: only what lies below the watermark is applied');
    }
  }
}

function checkNumbers(state: ReplicaState): void {
  const { window, timing } = state;
  ensures(state.promisedBallot < BALLOT_CHOSEN, 'I1: the rank of a chosen value is no promise');
  ensures(state.promiseSequence <= state.lastSequence, 'I4: the promise has a sequence that was given out');
  ensures(state.persistedSequence <= state.lastSequence, 'I4: only what was given out is durable');
  ensures(state.seenBallot >= state.promisedBallot, 'I6: a promised ballot was seen');
  ensures(state.heardBallot <= state.seenBallot, 'I6: a leader that was heard was seen');
  ensures(state.truncationPoint <= state.commitWatermark, 'I13: only what is chosen is truncated');
  ensures(state.commitWatermark <= window.nextSlot, 'I13: the next slot lies at or above the watermark');
  ensures(window.nextSlot <= window.end, 'I16: open slots lie in the window');
  ensures(2 * timing.windowSlotsMax <= ACCEPTOR_WINDOW_SLOTS, 'I16: a window holds two leader windows');
  ensures(!state.isRejoining || state.role === FOLLOWER, 'I21: who forgot neither campaigns nor leads');
  if (state.role === FOLLOWER) return;
  ensures(
    ballotNode(state.promisedBallot) === state.configuration.nodeId,
    'I18: who campaigns or leads has promised its own ballot and none above it',
  );
}

function checkSlot(state: ReplicaState, slot: Slot): void {
  const window = state.window;
  const i = window.index(slot);
  const ballot = window.voteBallot[i] as Ballot;
  const isRecorded = window.recorded[i] === 1;
  ensures(ballot <= state.promisedBallot, 'I2: a vote never exceeds the promise');
  ensures(ballot === 0 || isRecorded, 'I3: a vote has a value');
  ensures((window.voteSequence[i] as number) <= state.lastSequence, 'I4: a vote has a sequence that was given out');
  ensures(window.learned[i] === 0 || isRecorded, 'I12: what is known chosen is held');
  if (state.role === LEADER) checkProposal(state, i);
}

function checkProposal(state: ReplicaState, i: number): void {
  const window = state.window;
  const { quorums } = state.configuration;
  const proposal = window.proposal[i];
  const members = window.acceptedMembers[i] as number;
  if (proposal === PROPOSAL_AWAITED) {
    ensures(window.reportedBallot[i] !== 0, 'I7: only a reported value is awaited');
    ensures(members === 0, 'I10: votes count for what was proposed');
  }
  if (proposal === PROPOSAL_OPEN) {
    ensures(window.voteBallot[i] === state.promisedBallot, 'I10: a leader votes for what it proposes, in its ballot');
    ensures(!quorums.isAcceptQuorum(members), 'I10: a slot with an accept quorum is chosen');
  }
  if (proposal === PROPOSAL_CHOSEN) ensures(window.learned[i] === 1, 'I10: what a quorum voted for is learned');
  if ((members & state.selfBit) !== 0) {
    const isDurable = (window.voteSequence[i] as number) <= state.persistedSequence;
    ensures(isDurable, 'I10: the own vote counts when it is durable');
  }
}

/** Behind the last occupied slot there is nothing: a slot that comes into the window comes clean. */
function checkEmpty(state: ReplicaState, slot: Slot): void {
  const window = state.window;
  const i = window.index(slot);
  ensures(window.voteBallot[i] === 0 && window.recorded[i] === 0, 'I16: no vote above the next slot');
  ensures(window.learned[i] === 0, 'I16: nothing learned above the next slot');
  ensures(window.proposal[i] === PROPOSAL_NONE, 'I16: nothing proposed above the next slot');
}

/** A message about to leave says nothing that a crash before its sequence could take back. */
function checkSend(state: ReplicaState, at: number): void {
  const words = state.outbox.words;
  const kind = words[at + A_KIND];
  const sequence = words[at + A_SEQUENCE] as Sequence;
  const ballot = words[at + A_BALLOT] as Ballot;
  const waitsForPromise = sequence >= state.promiseSequence;
  ensures((words[at + A_COMMIT] as Slot) >= 0, 'I13: watermarks are slots');
  if (kind === PREPARE) ensures(waitsForPromise, 'I5: PREPARE waits for the own promise');
  if (kind === PROMISE || kind === HEARTBEAT_REPLY) {
    ensures(waitsForPromise, 'I4: an answer waits for its promise');
    ensures(ballot <= state.promisedBallot, 'I4: only a promised ballot is answered');
  }
  if (kind === REJECT) {
    ensures(waitsForPromise, 'I4: a refusal waits for the promise that it names');
    ensures(ballot <= (words[at + A_AUX] as Ballot), 'I1: only what is not above the promise is refused');
  }
  if (kind === ACCEPTED) checkAccepted(state, at);
  const isVoice = kind === PROMISE || kind === ACCEPTED || kind === HEARTBEAT_REPLY || kind === STATUS_REPLY;
  ensures(!isVoice || !state.isRejoining, 'I21: who forgot has no voice');
  if (kind === LEARNED)
    ensures((words[at + A_SLOT] as Slot) < state.commitWatermark, 'I14: only chosen slots are served');
  if (kind === ACCEPT || kind === HEARTBEAT || kind === FETCH_VOTE || kind === PREPARE) {
    ensures(ballotNode(ballot) === state.configuration.nodeId, 'I6: a proposer speaks in a ballot of its own');
    ensures(ballot === state.promisedBallot, 'I5: a proposer speaks in the ballot that it promised');
  }
}

function checkAccepted(state: ReplicaState, at: number): void {
  const { window, outbox } = state;
  const sequence = outbox.words[at + A_SEQUENCE] as Sequence;
  const end = outbox.words[at + A_AUX] as Slot;
  for (let slot = outbox.words[at + A_SLOT] as Slot; slot < end; slot++) {
    if (slot < window.base) continue;
    const i = window.index(slot);
    ensures(window.voteBallot[i] === outbox.words[at + A_BALLOT], 'I4: ACCEPTED speaks of a vote in its ballot');
    ensures(sequence >= (window.voteSequence[i] as number), 'I4: ACCEPTED waits for the vote that it speaks of');
  }
}

/** What no call may undo: `before` and `after` are of one life of one replica. */
export function checkDelta(before: Snapshot, after: Snapshot): void {
  ensures(after.promisedBallot >= before.promisedBallot, 'I1: a promise never decreases');
  ensures(after.seenBallot >= before.seenBallot, 'I6: what was seen stays seen');
  ensures(after.lastSequence >= before.lastSequence, 'I4: sequences are given out in order');
  ensures(after.persistedSequence >= before.persistedSequence, 'I4: what is durable stays durable');
  ensures(after.commitWatermark >= before.commitWatermark, 'I13: the commit watermark never decreases');
  ensures(after.truncationPoint >= before.truncationPoint, 'I13: the truncation point never decreases');
  ensures(after.nextSlot >= before.nextSlot, 'I13: the next slot never decreases');
  ensures(after.tick >= before.tick, 'I13: time never goes back');
  ensures(after.heardBallot >= before.heardBallot, 'I11: the heard ballot never decreases');
  const isSameLeader = after.heardBallot === before.heardBallot;
  ensures(!isSameLeader || after.heardCommit >= before.heardCommit, 'I11: the watermark of one ballot never decreases');
  const won = after.leadershipSerial - before.leadershipSerial;
  ensures(won === 0 || won === 1, 'I18: one call wins one leadership at most');
  ensures(before.role === LEADER || after.role !== LEADER || won === 1, 'I18: every leadership has its own serial');
  for (const [slot, held] of before.slots) {
    if (slot >= after.commitWatermark) checkSlotDelta(held, after.slots.get(slot));
  }
}

function checkSlotDelta(before: SlotSnapshot, after: SlotSnapshot | undefined): void {
  ensures(after !== undefined, 'I2: what an open slot holds is not forgotten');
  ensures(after.voteBallot >= before.voteBallot, 'I2: the ballot of a vote never decreases');
  ensures(after.isLearned || !before.isLearned, 'I12: what is known chosen stays so');
  if (isSameValue(before, after)) return;
  ensures(!before.isLearned, 'I12: a chosen value never changes');
  ensures(after.isLearned || after.voteBallot > before.voteBallot, 'I3: one value per ballot and slot');
}

/** What no two replicas of a group may contradict each other in. */
export function checkAcross(states: readonly ReplicaState[]): void {
  const snapshots = states.map(snapshotOf);
  snapshots.forEach((one, index) => {
    for (const other of snapshots.slice(index + 1)) checkPair(one, other);
  });
}

function checkPair(one: Snapshot, other: Snapshot): void {
  const isBothLeading = one.role === LEADER && other.role === LEADER;
  ensures(!isBothLeading || one.promisedBallot !== other.promisedBallot, 'I6: one leader per ballot');
  for (const [slot, mine] of one.slots) {
    const its = other.slots.get(slot);
    if (its === undefined || isSameValue(mine, its)) continue;
    ensures(!mine.isLearned || !its.isLearned, 'I12: one value is chosen in a slot');
    const isVote = mine.voteBallot > 0 && !mine.isLearned && !its.isLearned;
    ensures(!isVote || mine.voteBallot !== its.voteBallot, 'I3: one value per ballot and slot');
  }
}

function isSameValue(one: SlotSnapshot, other: SlotSnapshot): boolean {
  return one.length === other.length && one.crc === other.crc;
}
