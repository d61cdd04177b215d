/**
 * The numbers that travel through every storey, by their glossary names.
 * All are plain JavaScript numbers below 2^53: a bigint or an object per value would cost 40 to 88 bytes of garbage each.
 */

/** A (round, node) pair, totally ordered, packed in one number by `paxos/ballot`. */
export type Ballot = number;
/** Position in a group's consensus log; the first slot is 0. */
export type Slot = number;
/** Unit of logical time; `TICK_MS` milliseconds in production, one simulator step in the simulator. */
export type Tick = number;
/** Serial number of a configuration, and only that. */
export type Epoch = number;
/** One independent Paxos log; the user's options call their number `shards`. */
export type GroupId = number;
/** Identity of a node, unique for ever in a cluster; 1 to NODE_ID_MAX. */
export type NodeId = number;
/** Place of a member in the configuration's member list, 0-based; a bit number in member sets. */
export type MemberIndex = number;
/** Byte position in a replica's log; grows for ever, below 2^53. */
export type LogPosition = number;
/** Serial number of a persisted action of one group; the driver maps it to a log position. */
export type Sequence = number;
/** Wrapping 32-bit byte count of a ring; compared by subtraction only. */
export type RingPosition = number;
