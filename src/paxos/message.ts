/**
 * The protocol's vocabulary: message kinds and the fields of a message.
 *
 * A message is a Float64Array of MESSAGE_FIELDS numbers, reused: slots and ballots exceed 2^31, and a double that stays in a
 * typed array is never boxed. Values do not travel through the core: it knows a value by slot, length and checksum; the
 * driver stages the bytes of an inbound message before the step and keeps or abandons them after it.
 * @hot
 */

/** Phase 1a. SLOT: first slot asked about; AUX: ballot whose leader gave up its lease for this candidate, 0 = none. From a candidate whose own promise for BALLOT is durable (S2). */
export const PREPARE = 1;
/** Part of phase 1b, one per vote at or above the asked slot. AUX: ballot of the vote; VALUE_*: what was voted for; AUX2: 1 where it is known chosen. */
export const PROMISE_VOTE = 2;
/** End of phase 1b. AUX: how many PROMISE_VOTE frames belong to it; COMMIT: the acceptor's commit watermark; AUX2: its truncation point (S6). */
export const PROMISE = 3;
/** Phase 2a, with value. COMMIT: the leader's commit watermark. */
export const ACCEPT = 4;
/** Phase 2b: votes at BALLOT for slots [SLOT, AUX) are durable. COMMIT: the acceptor's commit watermark. */
export const ACCEPTED = 5;
/** Answer to a stale ballot. BALLOT: the refused one; AUX: the promised one. */
export const REJECT = 6;
/** Leader to all: alive, BALLOT, COMMIT. AUX: round serial, answered by HEARTBEAT_REPLY (also confirms reads, S20); AUX2: length of the lease asked for, 0 = none (S21). */
export const HEARTBEAT = 7;
/** AUX: the round serial; BALLOT: the leader's, at which the sender has promised; COMMIT: the sender's commit watermark; AUX2: flags of two bits, and above them where it grants the lease its clock in whole ms + 1. */
export const HEARTBEAT_REPLY = 8;
/** The log of the sender is full or slow. */
export const REPLY_BURDENED = 2;
/** Factor of the clock in AUX2. */
export const REPLY_STAMP = 4;
/** Before disturbing a live leader: do you hear one? BALLOT: the asker's promised ballot; COMMIT: its commit watermark. From a member that forgot: AUX: its nonce; BALLOT: highest promise it was told; AUX2: 1 where all told it. */
export const STATUS_QUERY = 9;
/** BALLOT: the answerer's promised ballot; AUX: 1 where it hears a live leader; COMMIT; AUX2: its member index of the leader + 1; VALUE_CRC: the asker's nonce; SLOT: end of what a leader's phase 1 found. */
export const STATUS_REPLY = 10;
/** Asks for chosen values of slots [SLOT, AUX). */
export const FETCH = 11;
/** A chosen value, with bytes; the answer to FETCH. COMMIT: the sender's commit watermark. */
export const LEARNED = 12;
/** A candidate asks for the value of the vote that it must propose: SLOT, AUX: ballot of the vote. */
export const FETCH_VOTE = 13;
/** The answer, with bytes: SLOT, BALLOT: the candidate's, AUX: ballot of the vote. */
export const VOTE_VALUE = 14;
/** Leader to the member that shall lead: campaign at once. The lease of BALLOT is given up. */
export const TRANSFER = 15;
/** What was asked for is truncated here. SLOT: watermark of the newest snapshot; AUX: its size in bytes; COMMIT. */
export const SNAPSHOT_OFFER = 16;
/** Asks for a part of a snapshot. SLOT: its watermark; AUX: first byte wanted. SLOT 0: for an offer of one at AUX or above. */
export const SNAPSHOT_FETCH = 17;
/** Bytes of a snapshot. SLOT: its watermark; AUX: offset of the first byte; AUX2: its size. */
export const SNAPSHOT_PART = 18;
/** A run of command records of a client at another node, for the leader to propose; answered by applying. No part of Paxos: loss, duplicates and delay are the session's matter. */
export const FORWARD = 19;
/** For which index may reads that wait here run? AUX: serial of the question; AUX2: nonce of the asker's life; SLOT: READ_BY_*; COMMIT. */
export const READ_INDEX = 20;
/** SLOT, AUX, AUX2: as asked; COMMIT: the read index. */
export const READ_INDEX_REPLY = 21;
export const MESSAGE_KINDS = 22;

export const M_KIND = 0;
export const M_FROM = 1;
export const M_TO = 2;
export const M_EPOCH = 3;
export const M_BALLOT = 4;
export const M_SLOT = 5;
export const M_COMMIT = 6;
export const M_AUX = 7;
export const M_AUX2 = 8;
export const M_VALUE_LENGTH = 9;
export const M_VALUE_CRC = 10;
export const MESSAGE_FIELDS = 11;

/** True for kinds whose frame carries the bytes of a value. */
export function hasValue(kind: number): boolean {
  return kind === ACCEPT || kind === LEARNED || kind === VOTE_VALUE || kind === SNAPSHOT_PART || kind === FORWARD;
}

export function kindName(kind: number): string {
  return KIND_NAMES[kind] ?? 'UNKNOWN';
}

const KIND_NAMES: readonly string[] = [
  'NONE',
  'PREPARE',
  'PROMISE_VOTE',
  'PROMISE',
  'ACCEPT',
  'ACCEPTED',
  'REJECT',
  'HEARTBEAT',
  'HEARTBEAT_REPLY',
  'STATUS_QUERY',
  'STATUS_REPLY',
  'FETCH',
  'LEARNED',
  'FETCH_VOTE',
  'VOTE_VALUE',
  'TRANSFER',
  'SNAPSHOT_OFFER',
  'SNAPSHOT_FETCH',
  'SNAPSHOT_PART',
  'FORWARD',
  'READ_INDEX',
  'READ_INDEX_REPLY',
];
