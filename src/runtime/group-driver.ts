/**
 * The one place with effects: feeds the core of one group and executes its outbox, in order:
 * persist → send (once durable) → commit → apply → complete. Runs unchanged in production and in the simulator.
 *
 *   frames ─▶ stage value ─▶ replica.step ─┐            ┌─ PERSIST_* ─▶ log.append, persist ledger
 *   ticks  ─▶ replica.tick ────────────────┼▶ outbox ─▶ ├─ SEND ──────▶ held until durable ─▶ transport
 *   lanes  ─▶ batch ─▶ replica.propose ────┤            ├─ COMMIT ────▶ applier, in slot order
 *   durable ─▶ replica.persisted ──────────┘            └─ ROLE ──────▶ status block
 *
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { GroupId, LogPosition, MemberIndex, Sequence, Slot } from '../base/types.ts';
import { HELD_SENDS_MAX, OUTBOX_ACTIONS_MAX } from '../limits.ts';
import { HEADER_FIELDS, type Log } from '../log/log.ts';
import {
  ENTRY_HEADER_BYTES,
  ENTRY_VALUE_LENGTH_WORD,
  KIND_LEARNED,
  KIND_MARK,
  KIND_PROMISE,
  KIND_VOTE,
  KIND_VOTE_AGAIN,
} from '../log/record.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  FORWARD,
  HEARTBEAT_REPLY,
  hasValue,
  M_KIND,
  MESSAGE_FIELDS,
  READ_INDEX,
  SNAPSHOT_OFFER,
} from '../paxos/message.ts';
import {
  A_AUX,
  A_AUX2,
  A_COMMIT,
  A_FLAGS,
  A_OP,
  A_SEQUENCE,
  A_SLOT,
  A_VALUE_LENGTH,
  COMMIT,
  PERSIST_LEARNED,
  PERSIST_MARK,
  PERSIST_PROMISE,
  PERSIST_VOTE,
  ROLE,
  SEND,
  VALUE_RECORDED,
  VALUE_STAGED,
} from '../paxos/outbox.ts';
import { recoverCommit } from '../paxos/recover.ts';
import { Replica, type ReplicaOptions } from '../paxos/replica.ts';
import type { Transport } from '../transport/transport.ts';
import { decodeFrame, FRAME_HEADER_BYTES } from '../wire/frame.ts';
import type { Applier } from './applier.ts';
import { type DriverClock, isTimed, STILL_CLOCK } from './driver-clock.ts';
import { writeRecordFields } from './group-driver-records.ts';
import { FrameSender } from './group-driver-sender.ts';
import type { GroupObserver, SideFrameHandler } from './group-observer.ts';
import { HeldSends } from './held-sends.ts';
import { PersistLedger } from './persist-ledger.ts';
import { SlotIndex } from './slot-index.ts';
import { StagedValue } from './staged-value.ts';

/** Records of one group that may be appended and not yet durable; a core call appends at most OUTBOX_ACTIONS_MAX. */
const LEDGER_CAPACITY = 4 * OUTBOX_ACTIONS_MAX;

export interface GroupDriverOptions extends Omit<ReplicaOptions, 'sameValue'> {
  groupId: GroupId;
  transport: Transport;
  bulk: Bulk;
  applier: Applier;
  observer: GroupObserver;
  /** Stands still where nothing is said. */
  clock?: DriverClock | undefined;
}

export class GroupDriver {
  readonly groupId: GroupId;
  readonly replica: Replica;
  readonly applier: Applier;
  #log: Log;
  readonly #transport: Transport;
  readonly #observer: GroupObserver;
  readonly #self: MemberIndex;
  readonly #memberCount: number;
  readonly #acceptQuorum: number;
  readonly #index = new SlotIndex();
  readonly #held = new HeldSends(HELD_SENDS_MAX);
  readonly #sender: FrameSender;
  #ledger = new PersistLedger(LEDGER_CAPACITY, 0);
  readonly #inbound = new Float64Array(MESSAGE_FIELDS);
  readonly #header = new Float64Array(HEADER_FIELDS);
  readonly #staged: StagedValue;
  readonly #clock: DriverClock;
  #appliedWatermark: Slot = 0;
  /** Inbound frames dropped: no room in log, ledger or tail, or a value that does not match its checksum. */
  dropped = 0;

  constructor(options: GroupDriverOptions) {
    this.groupId = options.groupId;
    this.#log = NO_LOG;
    this.#transport = options.transport;
    this.applier = options.applier;
    this.#observer = options.observer;
    this.#self = options.configuration.self;
    this.#memberCount = options.configuration.nodeIds.length;
    this.#acceptQuorum = options.configuration.quorums.acceptQuorum;
    const { configuration, transport, bulk, timing, prng, isPreferred, outbox } = options;
    this.#sender = new FrameSender(options.groupId, configuration, transport, bulk, this.#index, this);
    this.#staged = new StagedValue(bulk);
    this.#clock = options.clock ?? STILL_CLOCK;
    const sameValue = (slot: Slot): boolean => this.#staged.equalsRecord(this.#index.get(slot));
    const memory = outbox && { outbox };
    this.replica = new Replica({
      configuration,
      timing,
      prng,
      isPreferred,
      sameValue,
      lease: options.lease,
      ...memory,
    });
  }

  get appliedWatermark(): Slot {
    return this.#appliedWatermark;
  }

  /** The log that recovery opened; before it nothing is proposed, voted or applied. */
  attachLog(log: Log): void {
    this.#log = log;
    this.#sender.attachLog(log);
    this.#staged.attachLog(log);
  }

  /** The record at `position` holds the value of `slot` (recovery, in log order). */
  recoverIndex(slot: Slot, position: LogPosition): void {
    this.#index.set(slot, position);
  }

  /** Recovery is over: what was found is durable, and slots below the commit watermark may be applied. */
  finishRecovery(leadershipSerial: number): void {
    const { state } = this.replica;
    state.persistedSequence = state.lastSequence;
    state.leadershipSerial = leadershipSerial;
    this.#ledger = new PersistLedger(LEDGER_CAPACITY, state.lastSequence);
    this.readClock();
    this.replica.recovered();
    this.#observer.onCommit(state.commitWatermark, state.promisedBallot);
  }

  /** One inbound frame; its header stands at byte `offset`. */
  onFrame(words: Int32Array, bytes: Uint8Array, offset: number): void {
    const message = this.#inbound;
    decodeFrame(words, offset >> 2, this.#self, message);
    const kind = message[M_KIND] as number;
    if (kind >= SNAPSHOT_OFFER && kind < READ_INDEX) {
      if (kind === FORWARD) this.onForward(message, bytes, offset + FRAME_HEADER_BYTES);
      else this.onSnapshotFrame(message, bytes, offset + FRAME_HEADER_BYTES);
      return;
    }
    if (!this.#ledger.hasRoom(OUTBOX_ACTIONS_MAX)) {
      this.dropped += 1;
      return;
    }
    if (isTimed(kind)) this.readClock();
    if (kind === HEARTBEAT_REPLY && this.replica.isLeader) this.#sender.compareDigest(message, this.#observer);
    if (hasValue(kind) && !this.#staged.copyIn(bytes, offset + FRAME_HEADER_BYTES, message)) {
      this.dropped += 1;
      return;
    }
    this.replica.step(message);
    this.#drain();
    this.#staged.clear();
  }

  /** A process may have been stopped since its clock was read: what counts from now on needs a reading of now (S21). */
  readClock(): void {
    this.#clock.read();
    this.replica.state.clock[0] = this.#clock.ms[0] as number;
  }

  onTick(): void {
    if (!this.#ledger.hasRoom(OUTBOX_ACTIONS_MAX)) return;
    this.readClock();
    this.replica.tick();
    this.#drain();
  }

  suspect(member: MemberIndex): void {
    this.replica.suspect(member);
  }

  transfer(member: MemberIndex): void {
    this.replica.transfer(member);
    this.#drain();
  }

  /** For reads that wait here: asks the leader for their index; returns the serial of the question. */
  askReadIndex(mode: number): number {
    const serial = this.replica.reads.ask(mode);
    this.#drain();
    return serial;
  }

  /** True where what was read is good: this replica leads, and held its lease when the clock was read just now (S21). */
  checkLease(): boolean {
    this.readClock();
    return this.replica.holdsLease;
  }

  /** Begins a read round; returns its serial. Leader only. */
  beginReadRound(): number {
    const round = this.replica.beginReadRound();
    this.#drain();
    return round;
  }

  /** The log's durable position moved: votes count, held sends leave. Returns sends made. */
  onDurable(): number {
    if (this.#ledger.advance(this.#log.durablePosition)) {
      this.replica.persisted(this.#ledger.durable);
      this.#drain();
    }
    return this.#held.release(this.#sender, this.#ledger.durable);
  }

  /** True when a value of `valueBytes` may be proposed now: leader, window, log and enough peers have room. */
  canPropose(valueBytes: number): boolean {
    if (!this.replica.canPropose || !this.#ledger.hasRoom(OUTBOX_ACTIONS_MAX)) return false;
    let ready = 1;
    for (let m = 0; m < this.#memberCount; m++) {
      if (m !== this.#self && this.#transport.hasRoom(m, FRAME_HEADER_BYTES + valueBytes)) ready += 1;
    }
    return ready >= this.#acceptQuorum;
  }

  /** Proposes `length` bytes that stand at `offset` of the log's staged chunk. Returns the slot. */
  propose(offset: number, length: number): Slot {
    const slot = this.replica.propose(length, this.#staged.set(offset, length));
    this.#drain();
    this.#staged.clear();
    return slot;
  }

  /** Applies up to `limit` chosen slots, in order; returns how many. */
  applyChosen(limit: number): number {
    const stop = this.replica.state.hasState ? this.replica.commitWatermark : 0;
    let applied = 0;
    while (applied < limit && this.#appliedWatermark < stop) {
      this.#applySlot(this.#appliedWatermark);
      this.#appliedWatermark += 1;
      applied += 1;
    }
    if (applied > 0) this.#observer.onApplied(this.#appliedWatermark, this.applier.digest, this.applier.commands);
    return applied;
  }

  #applySlot(slot: Slot): void {
    const log = this.#log;
    const position = this.#index.get(slot);
    assert(position > 0, 'a chosen slot has a value record here');
    log.locate(position);
    const length = log.readWords[(log.readOffset >> 2) + ENTRY_VALUE_LENGTH_WORD] as number;
    this.applier.applyValue(log.readBytes, log.readWords, log.readOffset + ENTRY_HEADER_BYTES, length, slot);
  }

  /** Gets frames of snapshots: offers, questions, parts. */
  onSnapshotFrame: SideFrameHandler = () => {};
  /** Gets runs of commands that another node forwards. */
  onForward: SideFrameHandler = () => {};

  /** True where the values of all slots from `watermark` up to what the log knows to be chosen are here. */
  continuesFrom(watermark: Slot): boolean {
    const { state } = this.replica;
    return watermark >= state.truncationPoint && this.#index.holds(watermark, state.commitWatermark);
  }

  /** No snapshot stands before the log: it votes, serves what it has, and waits for a peer's (S16). */
  lackImage(): void {
    const { state, commitWatermark } = this.replica;
    state.lacksImage = true;
    state.truncationPoint = this.#index.startOf(state.truncationPoint, commitWatermark);
  }

  /** Recovery found a snapshot; `restored` follows. Below what the log itself knew to be chosen its records are good to serve; above they may be void. */
  startFrom(watermark: Slot, bytes: number): void {
    const { state, commitWatermark } = this.replica;
    const first = commitWatermark < watermark ? watermark : this.#index.startOf(state.truncationPoint, watermark);
    state.lacksImage = false;
    recoverCommit(state, watermark);
    this.replica.snapshotPublished(watermark, bytes, first);
    if (first === watermark) this.mark();
    state.isRestoring = true;
    this.#observer.onCommit(state.commitWatermark, state.promisedBallot);
  }

  /** A peer's snapshot is published here. Votes below it may be void: a mark comes before any record of its watermark (S16). `restored` follows. */
  install(watermark: Slot, bytes: number): void {
    if (watermark > this.replica.commitWatermark) {
      this.replica.state.lacksImage = false;
      this.replica.install(watermark, bytes);
      this.#drain();
      this.mark();
      this.replica.state.isRestoring = true;
    } else this.startFrom(watermark, bytes);
  }

  /** The machine is what the snapshot says that `startFrom` or `install` told of. */
  restored(watermark: Slot): void {
    assert(watermark > this.#appliedWatermark, 'a snapshot brings the machine further');
    assert(!this.applier.isRestoring, 'the image was put in place to its end');
    this.replica.state.isRestoring = false;
    this.#appliedWatermark = watermark;
    this.#observer.onApplied(watermark, this.applier.digest, this.applier.commands);
  }

  get canMark(): boolean {
    return this.#ledger.hasRoom(OUTBOX_ACTIONS_MAX);
  }

  isDurable(sequence: Sequence): boolean {
    return sequence <= this.#ledger.durable;
  }

  /** Appends the hard state anew, while `canMark`; it is durable once `isDurable` of the sequence returned. */
  mark(): Sequence {
    assert(this.canMark, 'a mark needs room in the ledger');
    this.replica.mark();
    this.#drain();
    return this.replica.state.lastSequence;
  }

  /** Position of the oldest value record that must stay: of the slots from the truncation point on; Infinity where there is none. */
  oldestNeeded(): LogPosition {
    const { truncationPoint, window } = this.replica.state;
    return this.#index.oldest(truncationPoint, window.nextSlot);
  }

  #drain(): void {
    const outbox = this.replica.outbox;
    for (let index = 0; index < outbox.count; index++) this.#execute(outbox.words, outbox.at(index));
    outbox.clear();
  }

  #execute(words: Float64Array, at: number): void {
    switch (words[at + A_OP]) {
      case PERSIST_VOTE:
        this.#persist(words, at, words[at + A_FLAGS] === VALUE_RECORDED ? KIND_VOTE_AGAIN : KIND_VOTE);
        break;
      case PERSIST_PROMISE:
        this.#persist(words, at, KIND_PROMISE);
        break;
      case PERSIST_LEARNED:
        this.#persist(words, at, KIND_LEARNED);
        break;
      case PERSIST_MARK:
        this.#persist(words, at, KIND_MARK);
        break;
      case SEND:
        this.#send(words, at);
        break;
      case COMMIT:
        this.#observer.onCommit(words[at + A_COMMIT] as Slot, this.replica.state.promisedBallot);
        break;
      case ROLE:
        this.#observer.onRole(words[at + A_AUX] as number, words[at + A_AUX2] as number, this.replica.state.leaderHint);
        break;
      default:
        assert(false, 'the driver knows every action');
    }
  }

  /** Appends one record; its sequence is durable once the log is durable behind it. */
  #persist(words: Float64Array, at: number, kind: number): void {
    const header = this.#header;
    const length = words[at + A_VALUE_LENGTH] as number;
    const isStaged = words[at + A_FLAGS] === VALUE_STAGED || (kind === KIND_LEARNED && length > 0);
    if (isStaged) assert(this.#staged.has(length), 'the value of the record is staged');
    writeRecordFields(header, words, at, kind, this.groupId, this.replica.state.configuration.epoch);
    const position = this.#log.append(header);
    this.#ledger.record(words[at + A_SEQUENCE] as number, this.#log.appendedPosition);
    if (kind === KIND_VOTE || kind === KIND_LEARNED) this.#index.set(words[at + A_SLOT] as Slot, position);
  }

  /** P: a send leaves only when its sequence is durable (S1). */
  #send(words: Float64Array, at: number): void {
    if ((words[at + A_SEQUENCE] as number) <= this.#ledger.durable)
      this.#sender.transmit(words, at, words[at + A_AUX] as number, this.#ledger.durable);
    else this.#held.push(words, at);
  }
}

const NO_LOG = undefined as unknown as Log;
