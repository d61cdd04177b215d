/**
 * Every bound in the system, the reason beside it, and the relations between them (asserted at load).
 * FORMAT limits are part of the media and wire formats: changing one needs a new format version. The rest is tuning.
 */
import { assert } from './base/assert.ts';
import { isPowerOfTwo } from './base/bits.ts';

// --- identity (FORMAT) ---
/** Node ids take 20 bits of a ballot: wide enough never to reuse one (S25). */
export const NODE_ID_BITS = 20;
export const NODE_ID_MAX = 2 ** NODE_ID_BITS - 1;
/** Rounds take the other 33 bits of a 53-bit number: 2^33 elections. */
export const BALLOT_ROUND_MAX = 2 ** 33 - 1;
/** Member sets are bit masks in a small integer. */
export const MEMBERS_MAX = 15;
export const GROUPS_MAX = 4096;

// --- commands ---
/** FORMAT: a command's payload; also what one slot must be able to hold. */
export const PAYLOAD_BYTES_MAX = 1 << 20;
export const PAYLOAD_BYTES_DEFAULT = 1 << 16;
export const KEY_BYTES_MAX = 1024;
export const REPLY_BYTES_MAX = 1 << 20;
/** FORMAT: a slot's value = one batch; room for one largest command and its headers. */
export const VALUE_BYTES_MAX = PAYLOAD_BYTES_MAX + 4096;
/** A batch closes at this size unless its only command is larger: beyond it, longer copies buy no throughput. */
export const BATCH_BYTES_TARGET = 1 << 17;
/** Commands announced to a state machine at once: what they touch should still be in the cache when they are applied. */
export const PREFETCH_COMMANDS_MAX = 64;

// --- Paxos ---
/** Slots that a leader keeps in flight beyond its commit watermark (pipeline depth). */
export const WINDOW_SLOTS_MAX = 256;
/** An acceptor's window: at least twice the leader's, so that a lagging watermark never drops a full leader window (S8). */
export const ACCEPTOR_WINDOW_SLOTS = 1024;
/** Outbox capacity in actions: one step answers at most one whole acceptor window, twice. */
export const OUTBOX_ACTIONS_MAX = 4096;
/** Sends held back until their log sequence is durable, per group. */
export const HELD_SENDS_MAX = 4096;

// --- sessions (FORMAT: replicas must evict alike) ---
export const SESSIONS_MAX = 4096;
/** Commands of one session in flight; replies of the last so many are remembered. */
export const SESSION_INFLIGHT_MAX = 16384;
/** Remembered reply bytes per session; older replies give way, deterministically. */
export const SESSION_REPLY_BYTES_MAX = 1 << 22;
/** A session unused for this much log time may be expired when the table is full. */
export const SESSION_EXPIRY_MS = 3_600_000;

// --- rings ---
export const RING_BYTES_MIN = 1 << 12;
export const REQUEST_RING_BYTES = 1 << 20;
export const COMPLETION_RING_BYTES = 1 << 20;
export const PEER_RING_BYTES = 1 << 22;
export const PEER_CONTROL_RING_BYTES = 1 << 18;
export const LANES_PER_GROUP_MAX = 64;

// --- forwarding between nodes ---
/** A run of commands in one FORWARD frame ends at this size, unless its only command is larger. */
export const FORWARD_RUN_BYTES = 1 << 15;
/** What a leader takes as one run: one largest command with its header. */
export const FORWARD_RUN_BYTES_MAX = PAYLOAD_BYTES_MAX + 64;
/** Bytes of one lane that may be on their way to a leader: more would only wait there. */
export const FORWARD_WINDOW_BYTES = 1 << 19;
/** What a leader keeps of one member's forwarded commands until a batch takes them: several lanes' windows. */
export const FORWARD_QUEUE_BYTES = 1 << 22;
/** Forwarded commands that are not applied after this long are sent again: a lost frame, or a leader that was none. */
export const FORWARD_RETRY_MS = 400;
// --- transport between nodes (FORMAT) ---
/** Changes with the layout of hellos, bursts and frames; nodes of different versions do not talk. */
export const WIRE_VERSION = 1;
/** Peer rings and the bodies of bursts align frames so; = FRAME_HEADER_BYTES. */
export const FRAME_ALIGNMENT = 64;
/** A frame with a largest value. */
export const FRAME_BYTES_MAX = FRAME_ALIGNMENT + VALUE_BYTES_MAX;
/** Body of one burst at most: a largest frame, alone. Checked before anything is read or allocated. */
export const BURST_BYTES_MAX = FRAME_BYTES_MAX;
/** Control frames carry no values: 1,024 of them. */
export const CONTROL_BURST_BYTES_MAX = 1 << 16;
/** What upgraders of channels say to each other. */
export const NOTE_BYTES_MAX = 4096;

// --- transport between nodes ---
/** A burst closes at this size: beyond it a larger one saves nothing, and it bounds what stands in front of a ping. */
export const BURST_BYTES_TARGET = 1 << 18;
/** Bytes of one lane handed to a socket and not yet taken by the system, at most; the rings are the queue behind it. */
export const SEND_BYTES_MAX = 1 << 20;
/** From the first byte of a connection to the end of its hello, TLS included. */
export const HANDSHAKE_MS_MAX = 5000;
/** Connections without a finished handshake: two lanes of every member fit, from one address too (nodes of one host). */
export const PENDING_PER_ADDRESS_MAX = 32;
export const PENDING_MAX = 256;
/*
 * Mailboxes of links over shared memory or libfabric, bytes: three eighths hold the largest burst of the lane.
 * What such a link holds in memory that was copied out of the peer's reach: one burst at least.
 */
export const MAILBOX_BYTES = 1 << 22;
export const CONTROL_MAILBOX_BYTES = 1 << 18;
export const MAILBOX_TAKE_BYTES = 1 << 21;
export const CONTROL_MAILBOX_TAKE_BYTES = 1 << 17;
/** Bursts in flight on such a link at most. */
export const MAILBOX_BURSTS_MAX = 256;
/** Nothing that was sent has arrived for so long, ms: some providers never say that a peer is gone. */
export const FABRIC_SILENT_MS_MAX = 2000;
/** Time for both ends of an upgrade to agree, and until it is tried again after a failure (doubled up to the second), ms. */
export const UPGRADE_MS_MAX = 5000;
export const UPGRADE_RETRY_MS_MIN = 500;
export const UPGRADE_RETRY_MS_MAX = 30_000;
export const HOUSEKEEPING_MS = 50;
/** A connection on which nothing was heard for so long is half open: several pings were lost. */
export const PING_MS = 250;
export const SILENT_MS_MAX = 2000;
/** Dialling again: at once after a sound life, then doubling, with jitter; each try costs a look-up and a refused packet. */
export const RECONNECT_MS_MIN = 20;
export const RECONNECT_MS_MAX = 1000;
/** A worker that takes nothing from its full ring for so long loses frames, so that the others of the connection get theirs. */
export const STALL_BULK_MS = 200;
export const STALL_CONTROL_MS = 20;

// --- snapshots (FORMAT) ---
/** A block of a snapshot with its header: unit of checking, writing and sending. */
export const SNAPSHOT_BLOCK_BYTES = 1 << 16;
/** Published snapshots kept per group: if the newest is damaged, the one before it still starts the group. */
export const SNAPSHOTS_KEPT = 2;

// --- log (FORMAT) ---
/** Unit of a durable write: every submission starts on a fresh block (S11). */
export const LOG_BLOCK_BYTES = 4096;
/** One segment file and one chunk of the in-memory tail; records never cross it. */
export const LOG_SEGMENT_BYTES = 1 << 24;
/** Chunks of the in-memory tail of a durable log. */
export const ENTRY_CHUNKS = 4;
/** Bytes of one submission at most: larger ones are split, so that recovery knows how far a hole can reach. */
export const SUBMISSION_BYTES_MAX = 1 << 22;
/** Submissions in flight at most. */
export const SUBMISSIONS_IN_FLIGHT_MAX = 16;
/** Retired segments that wait to be used again, per log: a burst of truncation gives the rest back to the file system. */
export const LOG_SPARE_SEGMENTS_MAX = 4;
/** Bytes kept free at the end of the in-memory tail for promises and one window of header-only votes (S23). */
export const ENTRY_RESERVE_BYTES = 1 << 18;

// --- time ---
/** A leader's log that the others outrun for so long is slow: about one election timeout. */
export const SLOW_LOG_TICKS = 40;
/** It counts as slow for so long afterwards: leadership does not come back between two slow flushes. */
export const SLOW_LOG_PAUSE_TICKS = 1000;
/** Ticks after which a disk that was full is asked again. */
export const SPACE_RETRY_TICKS = 20;
export const TICK_MS = 10;
export const HEARTBEAT_TICKS = 5;
export const ELECTION_TIMEOUT_TICKS = 40;
export const ELECTION_JITTER_TICKS = 30;
/** A clock that is not broken runs true to a thousandth; the operating system corrects one by half of that at most. */
export const CLOCK_DRIFT_PPM = 1000;
/** Unanswered ACCEPTs are sent again after this long. */
export const RETRY_TICKS = 25;
/** `terminate()` cannot interrupt a native park, so no park is longer (native-facts 3.3). */
export const PARK_US_MAX = 20_000;

assert(ACCEPTOR_WINDOW_SLOTS >= 2 * WINDOW_SLOTS_MAX, 'acceptor window must hold two leader windows (S8)');
assert(isPowerOfTwo(ACCEPTOR_WINDOW_SLOTS), 'slot windows are indexed by mask');
assert(
  PEER_CONTROL_RING_BYTES >= 2 * FRAME_ALIGNMENT * (ACCEPTOR_WINDOW_SLOTS + 1),
  'a control ring holds a whole answer of phase 1: one that is cut off is never complete (I9)',
);
assert(PEER_RING_BYTES >= 2 * VALUE_BYTES_MAX, 'a peer ring must hold two largest values');
assert(
  FORWARD_QUEUE_BYTES >= 4 * FORWARD_RUN_BYTES_MAX - PAYLOAD_BYTES_MAX,
  'a queue holds a largest run wherever it begins',
);
assert(FORWARD_RUN_BYTES_MAX + 1024 <= VALUE_BYTES_MAX, 'a forwarded run fits one value');
assert(SUBMISSION_BYTES_MAX >= 2 * VALUE_BYTES_MAX, 'one submission must hold a largest value with its headers');
assert(LOG_SEGMENT_BYTES >= 4 * SUBMISSION_BYTES_MAX, 'a segment must hold several submissions');
assert(LOG_SEGMENT_BYTES % LOG_BLOCK_BYTES === 0, 'segments consist of whole blocks');
assert(HEARTBEAT_TICKS * 4 < ELECTION_TIMEOUT_TICKS, 'several heartbeats may be lost before an election');
assert(VALUE_BYTES_MAX % FRAME_ALIGNMENT === 0, 'the largest burst holds whole frames');
assert(PEER_RING_BYTES >= 2 * FRAME_BYTES_MAX, 'a peer ring holds a largest frame wherever its cursor stands');
assert((MAILBOX_BYTES / 8) * 3 >= BURST_BYTES_MAX + 128, 'a mailbox holds a largest burst');
assert((CONTROL_MAILBOX_BYTES / 8) * 3 >= CONTROL_BURST_BYTES_MAX + 128, 'a control mailbox holds a largest burst');
assert(MAILBOX_TAKE_BYTES >= BURST_BYTES_MAX + 128, 'a largest burst can be taken');
assert(CONTROL_MAILBOX_TAKE_BYTES >= CONTROL_BURST_BYTES_MAX + 128, 'a largest control burst can be taken');
assert(SEND_BYTES_MAX <= PEER_RING_BYTES / 2, 'a ring has room while bytes of it are in flight');
assert(SILENT_MS_MAX >= 4 * PING_MS, 'several pings may be late before a connection counts as lost');
