/**
 * Everything that judges the groups of a run while it runs, in one place. A new judge is a field of GroupJudges and a member of its `all`;
 * what it is told comes through the methods below, from media, frames and members.
 *
 *   medium ─ onRecord ─┐
 *   frames ─ onFrame ──┼─▶ GroupJudges (by group) ─ violation ─▶ the simulator ends the run
 *   members ─ on… ─────┘
 */
import { fromWords } from '../../src/base/bits.ts';
import type { GroupId, MemberIndex } from '../../src/base/types.ts';
import type { RecoveredRecord } from '../../src/log/log.ts';
import {
  FRAME_AUX_WORD,
  FRAME_BALLOT_WORD,
  FRAME_GROUP_WORD,
  FRAME_SLOT_WORD,
  FRAME_TYPE_WORD,
} from '../../src/wire/frame.ts';
import { AgreementChecker, LeadershipChecker, PersistenceChecker } from './checkers.ts';
import { History } from './history.ts';
import { VoteBook } from './vote-book.ts';

/** Says in words what is wrong; empty while nothing is. */
export interface Judge {
  readonly violation: string;
}

export class GroupJudges {
  readonly history = new History();
  readonly agreement = new AgreementChecker();
  readonly leadership = new LeadershipChecker();
  readonly persistence: PersistenceChecker;
  readonly votes: VoteBook;
  readonly all: readonly Judge[];

  constructor(members: number) {
    this.persistence = new PersistenceChecker(members);
    this.votes = new VoteBook(members);
    this.all = [this.agreement, this.leadership, this.persistence, this.votes, this.history];
  }
}

export class Judges {
  readonly groups: readonly GroupJudges[];
  readonly #all: readonly Judge[];

  constructor(groups: number, members: number) {
    this.groups = Array.from({ length: groups }, () => new GroupJudges(members));
    this.#all = this.groups.flatMap(({ all }) => all);
  }

  of(group: GroupId): GroupJudges {
    return this.groups[group] as GroupJudges;
  }

  /** The first thing that is wrong; empty while nothing is. */
  get violation(): string {
    for (const judge of this.#all) if (judge.violation !== '') return judge.violation;
    return '';
  }

  /** A life of a member begins. */
  onStart(member: MemberIndex): void {
    for (const { votes } of this.groups) votes.onStart(member);
  }

  /** A record is durable on a member's medium. */
  onRecord(member: MemberIndex, record: RecoveredRecord): void {
    this.of(record.group).votes.onRecord(member, record);
  }

  /** A member hands a frame to the network: what it says about itself it must know for ever. */
  onFrame(member: MemberIndex, words: Int32Array, start: number): void {
    const { persistence, votes } = this.of(words[start + FRAME_GROUP_WORD] as number);
    const kind = ((words[start + FRAME_TYPE_WORD] as number) >>> 8) & 0xff;
    const ballot = pair(words, start + FRAME_BALLOT_WORD);
    const slot = pair(words, start + FRAME_SLOT_WORD);
    const aux = pair(words, start + FRAME_AUX_WORD);
    persistence.onAnswer(member, kind, ballot, slot, aux);
    votes.onFrame(member, kind, ballot, slot, aux);
  }

  /** Sums over the groups. */
  sum(count: (group: GroupJudges) => number): number {
    return this.groups.reduce((sum, group) => sum + count(group), 0);
  }
}

function pair(words: Int32Array, word: number): number {
  return fromWords(words[word] as number, words[word + 1] as number);
}
