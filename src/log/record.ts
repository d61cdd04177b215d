/**
 * The log on its medium, drawn once. `native/generate-layout.ts` turns the constants into a C++ header.
 *
 * A replica's log is a sequence of segment files of LOG_SEGMENT_BYTES. A log *position* is a byte count that only grows:
 * segment n (0-based, in file order of one directory) holds positions [n * LOG_SEGMENT_BYTES, (n + 1) * LOG_SEGMENT_BYTES).
 *
 *   segment   | segment header, one block | submission | submission | … | zeros |
 *   submission| header 64 B | record | record | … | zeros to the end of the block |      (fresh block, immutable, S11)
 *   record    | header 64 B | value … | zeros to a multiple of 64 |
 *
 * Segment header (first block of each segment; durable before any record of the segment; carries the cut, S11):
 *
 *   0   MAGIC            4   VERSION
 *   8   CLUSTER_LOW      12  CLUSTER_HIGH       cluster id, 53 bits
 *   16  NODE             20  LOG                node id, log number in the directory
 *   24  GENERATION_LOW   28  GENERATION_HIGH    segment generation: grows with every header written in this log
 *   32  INCARNATION_LOW  36  INCARNATION_HIGH   log incarnation: grows with every opening of the log
 *   40  BASE_LOW         44  BASE_HIGH          position of this segment's first byte
 *   48  CUT_LOW          52  CUT_HIGH           everything before CUT that passed recovery is valid; nothing of an older
 *                                               incarnation at or after CUT ever is
 *   56  FORGOTTEN        60  CRC                1 where durable records are missing before this incarnation (S12); crc32c of bytes 0–59
 *
 * Submission header:
 *
 *   0   MAGIC            4   SIZE               bytes of the submission without the block padding, header included
 *   8   SERIAL_LOW       12  SERIAL_HIGH        submission serial in this incarnation, from 1
 *   16  INCARNATION_LOW  20  INCARNATION_HIGH
 *   24  POSITION_LOW     28  POSITION_HIGH      position of this header (a misplaced block is refused)
 *   32  FLOOR_LOW        36  FLOOR_HIGH         durable floor: all positions below were durable at submit
 *   40  RECORDS          44  reserved
 *   48  reserved         52  reserved
 *   56  reserved         60  CRC                crc32c of bytes 0–59
 *
 * Record header:
 *
 *   0   SIZE             header + value, without padding
 *   4   KIND             KIND_* in the low byte
 *   8   GROUP            12  EPOCH
 *   16  BALLOT_LOW       20  BALLOT_HIGH
 *   24  SLOT_LOW         28  SLOT_HIGH
 *   32  SEQUENCE_LOW     36  SEQUENCE_HIGH      the group's persist sequence
 *   40  COMMIT_LOW       44  COMMIT_HIGH        commit watermark when the record was written (S6)
 *   48  VALUE_LENGTH     52  VALUE_CRC          crc32c of the value, equal on every replica
 *   56  INCARNATION_LOW  60  CRC                recordCrc: crc32c of bytes 0–59 continued over the position's two words
 */
export const LOG_FORMAT_VERSION = 1;

export const SEGMENT_MAGIC = 0x5a7c5e60;
export const SEGMENT_MAGIC_WORD = 0;
export const SEGMENT_VERSION_WORD = 1;
export const SEGMENT_CLUSTER_WORD = 2;
export const SEGMENT_NODE_WORD = 4;
export const SEGMENT_LOG_WORD = 5;
export const SEGMENT_GENERATION_WORD = 6;
export const SEGMENT_INCARNATION_WORD = 8;
export const SEGMENT_BASE_WORD = 10;
export const SEGMENT_CUT_WORD = 12;
export const SEGMENT_FORGOTTEN_WORD = 14;
export const SEGMENT_CRC_WORD = 15;
export const SEGMENT_HEADER_BYTES = 64;

export const SUBMISSION_MAGIC = 0x5a7c5b01;
export const SUBMISSION_MAGIC_WORD = 0;
export const SUBMISSION_SIZE_WORD = 1;
export const SUBMISSION_SERIAL_WORD = 2;
export const SUBMISSION_INCARNATION_WORD = 4;
export const SUBMISSION_POSITION_WORD = 6;
export const SUBMISSION_FLOOR_WORD = 8;
export const SUBMISSION_RECORDS_WORD = 10;
export const SUBMISSION_CRC_WORD = 15;
export const SUBMISSION_HEADER_BYTES = 64;

export const ENTRY_SIZE_WORD = 0;
export const ENTRY_KIND_WORD = 1;
export const ENTRY_GROUP_WORD = 2;
export const ENTRY_EPOCH_WORD = 3;
export const ENTRY_BALLOT_WORD = 4;
export const ENTRY_SLOT_WORD = 6;
export const ENTRY_SEQUENCE_WORD = 8;
export const ENTRY_COMMIT_WORD = 10;
export const ENTRY_VALUE_LENGTH_WORD = 12;
export const ENTRY_VALUE_CRC_WORD = 13;
export const ENTRY_INCARNATION_WORD = 14;
export const ENTRY_CRC_WORD = 15;
export const ENTRY_HEADER_BYTES = 64;
export const ENTRY_ALIGNMENT = 64;

/** A vote with its value. */
export const KIND_VOTE = 1;
/** A vote for a value that an earlier record of the same slot holds: equal length, crc and bytes. */
export const KIND_VOTE_AGAIN = 2;
/** A promise: BALLOT is promised. */
export const KIND_PROMISE = 3;
/** A chosen value fetched from a peer: never a vote (S5). */
export const KIND_LEARNED = 4;
/** Nothing but watermarks and the durable floor; written when a log goes idle. */
export const KIND_FLOOR = 5;
/** The hard state again: BALLOT is promised, everything below SLOT is in a published snapshot (S14, S16). */
export const KIND_MARK = 6;
