/**
 * Feeds recovered log records of one group to its core and driver, in log order, before the first step.
 */
import { assert } from '../base/assert.ts';
import type { RecoveredRecord } from '../log/log.ts';
import { KIND_FLOOR, KIND_LEARNED, KIND_MARK, KIND_PROMISE, KIND_VOTE, KIND_VOTE_AGAIN } from '../log/record.ts';
import {
  recoverCommit,
  recoverForgotten,
  recoverMark,
  recoverPromise,
  recoverSequence,
  recoverValue,
} from '../paxos/recover.ts';
import type { GroupDriver } from './group-driver.ts';

export function recoverRecord(driver: GroupDriver, record: RecoveredRecord): void {
  const state = driver.replica.state;
  assert(record.group === driver.groupId, 'a record is given to its own group');
  switch (record.kind) {
    case KIND_PROMISE:
      recoverCommit(state, record.commitWatermark);
      recoverPromise(state, record.ballot, record.sequence);
      break;
    case KIND_MARK:
      recoverCommit(state, record.commitWatermark);
      recoverMark(state, record.ballot, record.slot, record.sequence);
      break;
    case KIND_VOTE:
    case KIND_VOTE_AGAIN:
    case KIND_LEARNED:
      recoverCommit(state, record.commitWatermark);
      recoverSlot(driver, record);
      break;
    case KIND_FLOOR:
      break;
    default:
      assert(false, 'recovery knows every kind of record');
  }
  recoverSequence(state, record.sequence);
}

/** Durable records are missing from here on: the group rejoins unless a promise stands behind this. */
export function recoverLoss(driver: GroupDriver): void {
  recoverForgotten(driver.replica.state);
}

function recoverSlot(driver: GroupDriver, record: RecoveredRecord): void {
  const ballot = record.kind === KIND_LEARNED ? 0 : record.ballot;
  recoverValue(driver.replica.state, record.slot, ballot, record.sequence, record.valueLength, record.valueCrc);
  if (record.kind !== KIND_VOTE_AGAIN) driver.recoverIndex(record.slot, record.position);
}
