/**
 * The proposer: phase 1 once for the whole open suffix, then pipelined phase 2 (Paxos Made Simple, 2.2: 1 (a), 2 (a); 3: the distinguished proposer).
 *
 *   follower ── campaign ──▶ candidate ── prepare quorum ──▶ leader (recovering ── all values in ──▶ open)
 *       ▲                       │ reject, or a peer is ahead       │ reject, higher ballot, no quorum
 *       └───────────────────────┴──────────────────────────────────┘
 *
 * @hot
 */
import { assert, CONTRACTS, ensures, requires } from '../base/assert.ts';
import type { Ballot, MemberIndex, Slot } from '../base/types.ts';
import type { Acceptor } from './acceptor.ts';
import { nextBallot } from './ballot.ts';
import type { Learner } from './learner.ts';
import { M_AUX, M_AUX2, M_BALLOT, M_COMMIT, M_FROM, M_SLOT, M_VALUE_CRC, M_VALUE_LENGTH } from './message.ts';
import { A_AUX, A_AUX2, A_BALLOT, ROLE, VALUE_NOOP, VALUE_RECORDED, VALUE_STAGED } from './outbox.ts';
import { PromiseLedger } from './promise-ledger.ts';
import { sendAccept, sendFetchVote, sendPrepare } from './proposer-messages.ts';
import { CANDIDATE, FOLLOWER, LEADER, type ReplicaState } from './replica-state.ts';
import { PROPOSAL_AWAITED, PROPOSAL_CHOSEN, PROPOSAL_NONE, PROPOSAL_OPEN } from './slot-window.ts';

const RETRY_SLOTS = 16; // per tick at most: a retry must not become a flood

export class Proposer {
  readonly #state: ReplicaState;
  readonly #acceptor: Acceptor;
  readonly #learner: Learner;

  /** Ballot of this candidacy or leadership. */
  ballot: Ballot = 0;
  /** Members whose PROMISE for `ballot` is complete (I9). */
  promisedMembers = 0;
  /** End of the suffix that phase 1 found; nothing new is proposed and no read confirmed below it (S20). */
  recoveryEnd: Slot = 0;
  /** Values that phase 1 demands and that have not arrived. */
  awaitedValues = 0;
  /** First slot whose own vote is not counted yet. */
  #ownVoteCursor: Slot = 0;
  #attempt = 0;
  #prepareTick = 0;
  #candidateSince = 0;
  readonly #ledger: PromiseLedger;

  constructor(state: ReplicaState, acceptor: Acceptor, learner: Learner) {
    this.#state = state;
    this.#acceptor = acceptor;
    this.#learner = learner;
    this.#ledger = new PromiseLedger(state);
  }

  /** True when new values may be proposed: phase 1 is done and all it demands is proposed. */
  get isOpen(): boolean {
    return this.#state.role === LEADER && this.awaitedValues === 0;
  }

  /**
   * Begins a candidacy in a ballot above everything seen.
   *
   * ensures P1: the ballot is above every promise and every ballot seen (I6)
   * ensures P2: PREPARE waits for this replica's own promise (I5)
   */
  campaign(): void {
    const state = this.#state;
    const before = state.promisedBallot;
    state.see(state.promisedBallot);
    this.ballot = nextBallot(state.seenBallot, state.configuration.nodeId);
    this.#acceptor.promise(this.ballot);
    this.promisedMembers = 0;
    this.awaitedValues = 0;
    this.#ledger.begin();
    this.recoveryEnd = state.commitWatermark;
    this.#candidateSince = state.tick;
    this.#setRole(CANDIDATE);
    state.leaderHint = -1;
    if (CONTRACTS)
      ensures(this.ballot > before && this.ballot === state.promisedBallot, 'P1: a fresh, promised ballot');
    this.#sendPrepare();
  }

  #sendPrepare(): void {
    const state = this.#state;
    this.#attempt += 1;
    this.#prepareTick = state.tick;
    const to = state.configuration.peers & ~this.promisedMembers;
    if (to !== 0) sendPrepare(state, this.ballot, this.#attempt, to);
  }

  /**
   * One reported vote.
   *
   * ensures P3: one value per ballot and slot: two reports of one ballot agree
   * ensures P17: a member's vote for a slot counts once per answer (I9)
   */
  onPromiseVote(message: Float64Array): void {
    if (this.#state.role !== CANDIDATE || message[M_BALLOT] !== this.ballot) return;
    this.#ledger.onPromiseVote(message);
  }

  /**
   * End of a member's answer. Returns the commit watermark to catch up to first, or -1.
   *
   * ensures P4: a member counts only when all votes of one answer arrived (I9)
   * ensures P5: nothing is proposed below the highest commit watermark of the quorum (I8)
   */
  onPromise(message: Float64Array): Slot {
    const state = this.#state;
    if (state.role !== CANDIDATE || message[M_BALLOT] !== this.ballot) return -1;
    const from = message[M_FROM] as MemberIndex;
    if (!this.#ledger.isCurrentAttempt(from, message[M_SLOT] as number)) return -1;
    if ((message[M_COMMIT] as Slot) > state.commitWatermark) return message[M_COMMIT] as Slot;
    if (this.#ledger.reportsOf(from) !== message[M_AUX]) return -1;
    assert(
      (message[M_AUX2] as Slot) <= state.commitWatermark,
      'a truncation point lies at or below the commit watermark',
    );
    this.promisedMembers |= 1 << from;
    this.#maybeLead();
    return -1;
  }

  /**
   * With a prepare quorum of complete promises the candidate leads, and proposes what phase 1 demands.
   *
   * ensures P6: each slot of the suffix gets the reported value of the highest ballot, or a no-op where none was reported (I7)
   */
  #maybeLead(): void {
    const state = this.#state;
    if (state.role !== CANDIDATE || !state.configuration.quorums.isPrepareQuorum(this.promisedMembers)) return;
    if ((this.promisedMembers & state.selfBit) === 0) return;
    state.leadershipSerial += 1;
    state.leaderHint = state.configuration.self;
    state.heardBallot = this.ballot;
    state.heardCommit = state.commitWatermark;
    this.#candidateSince = state.tick;
    this.#ownVoteCursor = state.commitWatermark;
    this.#setRole(LEADER);
    // A slot that an earlier leadership here awaited may lie above everything reported: it is open and needs a no-op.
    const occupied = state.window.nextSlot;
    this.recoveryEnd = occupied > this.#ledger.end ? occupied : this.#ledger.end;
    const end = this.recoveryEnd;
    for (let slot = state.commitWatermark; slot < end; slot++) this.#recoverSlot(slot);
    if (CONTRACTS) ensures(state.window.nextSlot <= this.recoveryEnd, 'P6: the whole suffix was looked at');
  }

  /** Proposes what phase 1 demands for one slot: a learned value, the reported one, or a no-op; fetches it if it is not here. */
  #recoverSlot(slot: Slot): void {
    const state = this.#state;
    const window = state.window;
    const i = window.index(slot);
    const isLearned = window.learned[i] === 1;
    const isReported = window.reportedBallot[i] !== 0;
    const length = isLearned ? window.valueLength[i] : isReported ? window.reportedLength[i] : 0;
    const crc = isLearned ? window.valueCrc[i] : window.reportedCrc[i];
    if (length === 0) {
      this.#proposeAt(slot, 0, 0, VALUE_NOOP);
    } else if (isLearned || ((window.reportedHolders[i] as number) & state.selfBit) !== 0) {
      this.#proposeAt(slot, length as number, crc as number, VALUE_RECORDED);
    } else {
      window.proposal[i] = PROPOSAL_AWAITED;
      window.occupy(slot);
      this.awaitedValues += 1;
      sendFetchVote(state, this.ballot, slot);
    }
  }

  /**
   * A value that phase 1 demands arrived (staged).
   *
   * ensures P7: it is proposed only if slot, ballot, length and checksum are the demanded ones
   */
  onVoteValue(message: Float64Array): void {
    const state = this.#state;
    const slot = message[M_SLOT] as Slot;
    if (state.role !== LEADER || message[M_BALLOT] !== this.ballot || !state.window.contains(slot)) return;
    const i = state.window.index(slot);
    if (state.window.proposal[i] !== PROPOSAL_AWAITED) return;
    if (message[M_VALUE_LENGTH] !== state.window.reportedLength[i]) return;
    if (message[M_VALUE_CRC] !== state.window.reportedCrc[i]) return;
    this.awaitedValues -= 1;
    this.#proposeAt(slot, message[M_VALUE_LENGTH] as number, message[M_VALUE_CRC] as number, VALUE_STAGED);
  }

  /**
   * A slot is about to be learned from a peer: if its value was awaited, it no longer is.
   *
   * ensures P12: a leadership ends before its watermark passes a slot whose chosen value it has not proposed (I11)
   */
  onLearnedElsewhere(message: Float64Array): void {
    const state = this.#state;
    const window = state.window;
    const slot = message[M_SLOT] as Slot;
    if (state.role !== LEADER || !window.contains(slot)) return;
    const i = window.index(slot);
    const proposal = window.proposal[i] as number;
    if (proposal === PROPOSAL_NONE || (proposal === PROPOSAL_OPEN && !state.holdsValueOf(slot, message))) {
      this.stepDown();
      return;
    }
    if (proposal !== PROPOSAL_AWAITED) return;
    window.proposal[i] = PROPOSAL_CHOSEN;
    this.awaitedValues -= 1;
    assert(this.awaitedValues >= 0, 'awaited values are counted once');
  }

  /** True when one more value fits the pipeline. */
  get canPropose(): boolean {
    const window = this.#state.window;
    return this.isOpen && window.nextSlot < window.base + this.#state.timing.windowSlotsMax;
  }

  /**
   * Proposes the staged value in the next slot; returns the slot.
   *
   * requires P8: canPropose
   * ensures  P9: the slot lies above everything that phase 1 found and inside the window (I8, I16)
   */
  propose(length: number, crc: number): Slot {
    if (CONTRACTS) requires(this.canPropose, 'P8: nothing may be proposed now');
    assert(length > 0, 'an empty value would read as a no-op');
    const slot = this.#state.window.nextSlot;
    this.#proposeAt(slot, length, crc, VALUE_STAGED);
    if (CONTRACTS) ensures(slot >= this.recoveryEnd, 'P9: above the suffix of phase 1');
    return slot;
  }

  /** Emits the leader's own vote, then ACCEPT to everybody at once: it depends on nothing (S1). */
  #proposeAt(slot: Slot, length: number, crc: number, source: number): void {
    const state = this.#state;
    const window = state.window;
    assert(state.promisedBallot === this.ballot, 'a leader proposes in the ballot that it promised');
    this.#acceptor.recordVote(slot, length, crc, source);
    const i = window.index(slot);
    assert(window.proposal[i] !== PROPOSAL_OPEN, 'a slot is proposed once in a ballot');
    window.proposal[i] = PROPOSAL_OPEN;
    window.acceptedMembers[i] = 0;
    sendAccept(state, this.ballot, slot, state.configuration.peers);
  }

  /**
   * Durable votes of a member for slots [SLOT, AUX).
   *
   * ensures P10: only votes in this leadership's ballot count
   */
  onAccepted(message: Float64Array): void {
    const state = this.#state;
    if (state.role !== LEADER || message[M_BALLOT] !== this.ballot) return;
    const window = state.window;
    const bit = 1 << (message[M_FROM] as MemberIndex);
    assert(bit !== state.selfBit, 'own votes count when they are durable, not when they are sent');
    let slot = message[M_SLOT] as Slot;
    if (slot < window.base) slot = window.base;
    const end = (message[M_AUX] as Slot) < window.nextSlot ? (message[M_AUX] as Slot) : window.nextSlot;
    for (; slot < end; slot++) this.#count(slot, bit);
    this.#learner.maybeAdvance();
  }

  /** P11: chosen exactly when an accept quorum has voted (I10). */
  #count(slot: Slot, bit: number): void {
    const window = this.#state.window;
    const i = window.index(slot);
    if (window.proposal[i] !== PROPOSAL_OPEN) return;
    const members = (window.acceptedMembers[i] as number) | bit;
    window.acceptedMembers[i] = members;
    if (!this.#state.configuration.quorums.isAcceptQuorum(members)) return;
    window.proposal[i] = PROPOSAL_CHOSEN;
    this.#learner.choose(slot);
  }

  /**
   * This replica's log is durable up to `state.persistedSequence`: its own promise and votes count now.
   *
   * ensures P13: neither counts before it is durable (S1)
   */
  onPersisted(): void {
    const state = this.#state;
    if (state.role === CANDIDATE && (this.promisedMembers & state.selfBit) === 0) {
      if (state.promiseSequence > state.persistedSequence) return;
      this.#ledger.reportOwn();
      this.promisedMembers |= state.selfBit;
      this.#maybeLead();
    }
    if (state.role !== LEADER) return;
    const window = state.window;
    let slot = this.#ownVoteCursor < window.base ? window.base : this.#ownVoteCursor;
    for (; slot < window.nextSlot; slot++) {
      const i = window.index(slot);
      const proposal = window.proposal[i] as number;
      if (proposal === PROPOSAL_NONE || proposal === PROPOSAL_AWAITED) break;
      if ((window.voteSequence[i] as number) > state.persistedSequence) break;
      this.#count(slot, state.selfBit);
    }
    this.#ownVoteCursor = slot;
    this.#learner.maybeAdvance();
    if (CONTRACTS) ensures(state.promiseSequence <= state.persistedSequence, 'P13: who leads has a durable promise');
  }

  /**
   * A member has promised more; or, after a restart, it cannot answer this candidacy any more (A17).
   *
   * ensures P14: only a refusal of the current ballot ends anything, and a higher promise ends a candidacy or leadership in it (I18)
   */
  onReject(message: Float64Array): void {
    const state = this.#state;
    const promised = message[M_AUX] as Ballot;
    state.see(promised);
    if (message[M_BALLOT] !== this.ballot) return;
    if (promised > this.ballot || (promised === this.ballot && state.role === CANDIDATE)) this.stepDown();
    if (CONTRACTS) ensures(promised <= this.ballot || state.role === FOLLOWER, 'P14: a higher promise ends it');
  }

  /**
   * Ends a candidacy or leadership; what was in flight is settled by the next leader.
   *
   * ensures P15: nothing can be proposed any more; the promise stays, and so do all votes
   */
  stepDown(): void {
    const state = this.#state;
    if (state.role === FOLLOWER) return;
    if (state.leaderHint === state.configuration.self) state.leaderHint = -1;
    this.awaitedValues = 0;
    this.promisedMembers = 0;
    this.#setRole(FOLLOWER);
    if (CONTRACTS) ensures(!this.canPropose, 'P15: a follower proposes nothing');
  }

  /**
   * Sends again what was not answered; gives up a candidacy that lasts too long.
   *
   * ensures P16: so many slots at most are sent again at once, and only to members whose vote is not counted
   */
  onTick(): void {
    const state = this.#state;
    const timing = state.timing;
    if (state.role === CANDIDATE) {
      if (state.tick - this.#candidateSince > timing.electionTimeoutTicks * state.patience) this.stepDown();
      else if (state.tick - this.#prepareTick >= timing.retryTicks * state.patience) this.#sendPrepare();
    } else if (state.role === LEADER) {
      this.#retry();
      const isStuck = this.awaitedValues > 0 && state.tick - this.#candidateSince > timing.electionTimeoutTicks;
      if (isStuck) this.stepDown();
    }
  }

  #retry(): void {
    const state = this.#state;
    const window = state.window;
    let sent = 0;
    for (let slot = window.base; slot < window.nextSlot && sent < RETRY_SLOTS; slot++) {
      const i = window.index(slot);
      if (state.tick - (window.sentTick[i] as number) < state.timing.retryTicks) continue;
      if (window.proposal[i] === PROPOSAL_AWAITED) {
        sendFetchVote(state, this.ballot, slot);
        sent += 1;
      } else if (window.proposal[i] === PROPOSAL_OPEN) {
        sendAccept(state, this.ballot, slot, state.configuration.peers & ~(window.acceptedMembers[i] as number));
        sent += 1;
      }
    }
  }

  #setRole(role: number): void {
    const state = this.#state;
    assert(role !== state.role || role === CANDIDATE, 'a role is entered once');
    state.role = role;
    const at = state.outbox.begin(ROLE, 0, 0);
    state.outbox.words[at + A_AUX] = role;
    state.outbox.words[at + A_AUX2] = state.leadershipSerial;
    state.outbox.words[at + A_BALLOT] = this.ballot;
  }
}
