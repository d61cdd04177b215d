/**
 * Every offset that two threads share, drawn once. `native/generate-layout.ts` turns the constants into a C++ header.
 *
 * Words are 32-bit. A word has one writer, named beside it; a hot word stands alone on LINE_BYTES (two cache lines,
 * because the adjacent-line prefetcher pairs them). Numbers below 2^53 take two words, low then high.
 */

/** Distance between words of different writers, bytes. */
export const LINE_BYTES = 128;
export const LINE_WORDS = LINE_BYTES / 4;

/*
 * SPSC ring (memory/ring): control block, then `capacity` bytes of records.
 *
 *   0    TAIL      producer: all bytes before it are published
 *   128  HEAD      consumer: all bytes before it may be overwritten
 *   256  DATA      capacity bytes
 *
 * Record, 8-byte aligned (64 in peer rings), contiguous; a padding record closes the end of the ring.
 *
 *   0  SIZE   header + payload, without the alignment gap
 *   4  TYPE   type << 24 | 24 bits of the record's own
 */
export const RING_TAIL_WORD = 0;
export const RING_HEAD_WORD = LINE_WORDS;
export const RING_DATA_BYTES = 2 * LINE_BYTES;
export const RECORD_SIZE_WORD = 0;
export const RECORD_TYPE_WORD = 1;
export const RECORD_HEADER_BYTES = 8;
export const RECORD_ALIGNMENT = 8;
export const RECORD_TYPE_SHIFT = 24;

/** Record types. One list, so that a byte range read with the wrong eyes is refused. */
export const TYPE_PADDING = 1;
export const TYPE_COMMAND = 2;
export const TYPE_QUERY = 3;
export const TYPE_OPEN_SESSION = 4;
export const TYPE_CLOSE_SESSION = 5;
export const TYPE_REPLIES = 6;
export const TYPE_FRAME = 7;
export const TYPE_ROUTE = 8;
export const TYPE_RESUME_SESSION = 9;

/*
 * Command record: the same bytes in the request ring, in the log, on the wire and under `apply`.
 *
 *   0   SIZE            header + payload
 *   4   TYPE            type << 24 | request number, high 21 bits
 *   8   NUMBER_LOW      request number, low 32 bits
 *   12  SESSION         session id (index in the table, low 12 bits; serial above); 0 = none
 *   16  payload …       OPEN_SESSION: nonce low, nonce high; RESUME_SESSION: the same, then attempt low, attempt high
 */
export const COMMAND_NUMBER_LOW_WORD = 2;
export const COMMAND_SESSION_WORD = 3;
export const COMMAND_HEADER_BYTES = 16;
export const COMMAND_NUMBER_HIGH_MASK = 0x1fffff;
export const SESSION_INDEX_BITS = 12;

/*
 * Batch = the value of one slot: header, then command and padding records to the end of the value. A padding record may
 * stand before a run, so that source and destination of the copy agree modulo 64 (memcpy hole, native-facts 8).
 * A value of length 0 is a no-op.
 *
 *   0   MAGIC
 *   4   reserved, 0
 *   8   LOG_TIME_LOW, LOG_TIME_HIGH   milliseconds of log time (S19)
 */
export const BATCH_MAGIC = 0x5a7c0001;
export const BATCH_MAGIC_WORD = 0;
export const BATCH_LOG_TIME_WORD = 2;
export const BATCH_HEADER_BYTES = 16;

/*
 * Lane: how one session of one client reaches one group. All replicas' workers see it.
 * The request ring keeps a record until its completion arrived (the producer frees it), so the same ring serves for
 * sending again after fail-over: the next leader's worker starts reading at ROUTE_START.
 *
 *   0    TAIL            client: published bytes
 *   128  ROUTE_SERIAL    client: leadership serial of the replica that shall consume; 0 = none
 *        ROUTE_REPLICA   client: replica index that shall consume
 *        ROUTE_START     client: ring position of the oldest record without completion
 *        ROUTE_NUMBER_LOW, _HIGH   client: its request number
 *        ROUTE_CHANGE    client: odd while the route is being written (seqlock), even when it is whole
 *   256  LANE_SESSION    0 until the session is open; client
 *        LANE_NONCE_LOW, _HIGH     client: names the session before it has an id
 *        LANE_KIND       LANE_WRITES, or one of LANE_READS_*: what its reads must reflect
 *        LANE_ATTEMPT_LOW, _HIGH   client: names this use of the session; the nonce itself where it is the first
 *        LANE_FLOOR_LOW, _HIGH     client: reads of a session wait until everything below this slot is applied
 *   384  DATA            capacity bytes of command records
 */
export const LANE_TAIL_WORD = 0;
export const LANE_ROUTE_SERIAL_WORD = LINE_WORDS;
export const LANE_ROUTE_REPLICA_WORD = LINE_WORDS + 1;
export const LANE_ROUTE_START_WORD = LINE_WORDS + 2;
export const LANE_ROUTE_NUMBER_WORD = LINE_WORDS + 3;
export const LANE_ROUTE_CHANGE_WORD = LINE_WORDS + 5;
export const LANE_SESSION_WORD = 2 * LINE_WORDS;
export const LANE_NONCE_WORD = 2 * LINE_WORDS + 1;
export const LANE_KIND_WORD = 2 * LINE_WORDS + 3;
export const LANE_FLOOR_WORD = 2 * LINE_WORDS + 4;
export const LANE_ATTEMPT_WORD = 2 * LINE_WORDS + 6;
export const LANE_DATA_BYTES = 3 * LINE_BYTES;
export const LANE_WRITES = 1;
/** Reads that reflect at least everything acknowledged before them. */
export const LANE_READS = 2;
/** The same, by the leader's lease where it holds one. */
export const LANE_READS_LEASE = 3;
/** Reads that reflect at least what their client wrote or saw: LANE_FLOOR. */
export const LANE_READS_SESSION = 4;
/** Reads of whatever is applied. */
export const LANE_READS_STALE = 5;

/*
 * Completion ring record (one ring per lane and replica: the replica's worker is its only producer): a run of replies
 * with consecutive request numbers.
 *
 *   0   SIZE
 *   4   TYPE             TYPE_REPLIES << 24 | first number, high 21 bits
 *   8   FIRST_NUMBER_LOW
 *   12  COUNT            replies in the run
 *   16  WATERMARK (2)    everything below this slot was applied when the run was written
 *   24  replies …
 *
 * Route mark: the first record that a worker writes after it adopted a route. Runs before it belong to an earlier route: the
 * client skips them, so that it frees a record only for a completion of the route that stands (memory/lane, second rule).
 *
 *   0   SIZE (16)   4   TYPE_ROUTE << 24   8   CHANGE: ROUTE_CHANGE of the adopted route   12  0
 *
 * Reply, 8-byte aligned; the session table remembers replies in the same form, so that a run is one copy.
 *
 *   0   SIZE             header + bytes
 *   4   STATUS           REPLY_*
 *   8   bytes …
 */
export const RUN_FIRST_LOW_WORD = 2;
export const RUN_COUNT_WORD = 3;
export const RUN_WATERMARK_WORD = 4;
export const RUN_HEADER_BYTES = 24;
export const ROUTE_MARK_CHANGE_WORD = 2;
export const ROUTE_MARK_BYTES = 16;
export const REPLY_SIZE_WORD = 0;
export const REPLY_STATUS_WORD = 1;
export const REPLY_HEADER_BYTES = 8;
/** Applied; the bytes are the machine's reply. */
export const REPLY_OK = 0;
/** Applied once, the bytes are no longer remembered. */
export const REPLY_EVICTED = 1;
/** The session is unknown or expired. */
export const REPLY_SESSION_EXPIRED = 2;
/** The session table is full. */
export const REPLY_SESSIONS_FULL = 3;
/** The session was opened or resumed; bytes = session id, 0, last number applied (2 words). */
export const REPLY_SESSION_OPENED = 4;
/** The machine's query threw; the bytes are its message, UTF-8. */
export const REPLY_QUERY_FAILED = 5;
/** The machine's reply was longer than REPLY_BYTES_MAX or than the space left. */
export const REPLY_TOO_LARGE = 6;

/*
 * Doorbell: one word on its own line. 0 = awake, 1 = asleep. The sleeper stores 1, looks at its sources again, then waits
 * for the word to leave 1; whoever published something swaps 1 for 0 and, if it was 1, wakes (Dekker: both sides seq_cst).
 */
export const DOORBELL_WORDS = LINE_WORDS;
export const DOORBELL_AWAKE = 0;
export const DOORBELL_ASLEEP = 1;

/*
 * Turn to take a snapshot: the workers of a process hold it one after the other (runtime/snapshot-turn).
 *
 *   0  HOLDER   one more than the index of the worker that has it, 0 = nobody; taken and given back by compare and exchange
 *   4  BEAT     the holder: counts while it uses its turn
 */
export const SNAPSHOT_TURN_HOLDER_WORD = 0;
export const SNAPSHOT_TURN_BEAT_WORD = 1;
export const SNAPSHOT_TURN_BYTES = 8;

/*
 * Status block: one per (replica, group), written by the group's worker, read by the coordinator without messages.
 *
 *   0  ROLE                 ROLE_* below
 *   1  LEADERSHIP_SERIAL    grows with every leadership won here; what lanes are routed by; 0 = never
 *   2  LEADER_HINT          member index + 1 of the believed leader; 0 = unknown
 *   3  COMMIT (2 words)     commit watermark
 *   5  APPLIED (2)          applied watermark
 *   7  STATE_DIGEST         digest of all replies up to APPLIED
 *   8  ERROR                0, or GROUP_ERROR_*; the group stopped on this replica
 *   9  ERROR_SLOT (2)       slot at which it stopped
 *   11 ERROR_MEMBER         member index that deviates (non-determinism)
 *   12 ELECTIONS            campaigns begun here
 *   13 BALLOT (2)           promised ballot
 *   15 COMMANDS (2)         commands applied since start
 *   17 FLUSHES (2)          log submissions of the worker's log (same in each of its groups)
 *   19 LOG_BYTES (2)        bytes appended to the worker's log, padding included
 *   22 LOG_STATE            LOG_* of the worker's log (same in each of its groups)
 *   23 FLUSH_MS             how long its last sampled flush took
 *   21 CHANGE               odd while APPLIED and STATE_DIGEST are being written (seqlock), even when they agree
 *   24 LOG_KEPT (2)         bytes of the worker's log that are not given back yet
 *
 *   next line               figures of the group's snapshots, two words each: SNAPSHOT_*
 *   the line behind them    REASON: why the last snapshot failed, UTF-8, zeros behind it
 */
export const STATUS_ROLE_WORD = 0;
export const STATUS_LEADERSHIP_WORD = 1;
export const STATUS_LEADER_HINT_WORD = 2;
export const STATUS_COMMIT_WORD = 3;
export const STATUS_APPLIED_WORD = 5;
export const STATUS_DIGEST_WORD = 7;
export const STATUS_ERROR_WORD = 8;
export const STATUS_ERROR_SLOT_WORD = 9;
export const STATUS_ERROR_MEMBER_WORD = 11;
export const STATUS_ELECTIONS_WORD = 12;
export const STATUS_BALLOT_WORD = 13;
export const STATUS_COMMANDS_WORD = 15;
export const STATUS_FLUSHES_WORD = 17;
export const STATUS_LOG_BYTES_WORD = 19;
export const STATUS_CHANGE_WORD = 21;
export const STATUS_LOG_STATE_WORD = 22;
export const STATUS_FLUSH_MS_WORD = 23;
export const STATUS_LOG_KEPT_WORD = 24;
export const STATUS_SNAPSHOT_WORD = LINE_WORDS;
/** Newest one: all slots below are in it; its bytes; when it was published (wall clock), how long it took from its begin. */
export const SNAPSHOT_WATERMARK = 0;
export const SNAPSHOT_BYTES = 1;
export const SNAPSHOT_AT_MS = 2;
export const SNAPSHOT_DURATION_MS = 3;
/** Since the worker started: taken here, got from peers, failed either way, bytes sent to peers. */
export const SNAPSHOT_PUBLISHED_COUNT = 4;
export const SNAPSHOT_INSTALLED_COUNT = 5;
export const SNAPSHOT_FAILURES = 6;
export const SNAPSHOT_SENT_BYTES = 7;
/** Most bytes that the machine kept aside while one was taken. */
export const SNAPSHOT_KEPT_BYTES = 8;
/** All that the group's snapshots take up. */
export const SNAPSHOT_DISK_BYTES = 9;
export const SNAPSHOT_FIGURES = 10;
export const STATUS_REASON_WORD = STATUS_SNAPSHOT_WORD + 2 * LINE_WORDS;
export const STATUS_REASON_BYTES = 4 * 3 * LINE_WORDS;
export const STATUS_WORDS = STATUS_REASON_WORD + STATUS_REASON_BYTES / 4;
export const ROLE_STARTING = 0;
export const ROLE_FOLLOWER = 1;
export const ROLE_CANDIDATE = 2;
export const ROLE_LEADER = 3;
export const ROLE_STOPPED = 4;
/** Forgot promises or votes: learns, and does not vote yet (S12). */
export const ROLE_REJOINING = 5;
export const GROUP_ERROR_MACHINE = 1;
export const GROUP_ERROR_NONDETERMINISTIC = 2;
export const GROUP_ERROR_INVARIANT = 3;
export const GROUP_ERROR_LOG = 4;
export const LOG_SOUND = 0;
/** No room for values; hard state still finds some. */
export const LOG_FULL = 1;
/** The other members' logs are much faster. */
export const LOG_SLOW = 2;
/** The device latched. */
export const LOG_FAILED = 3;

/*
 * Worker block: one per worker thread.
 *
 *   line 0   DOORBELL
 *   line 1   STOP        coordinator: 1 = finish and return
 *            CONTROL     coordinator: grows with each message posted to the control port
 *   line 2   BEAT        worker: grows with every duty cycle
 *            THREAD_ID   worker: worker_threads.threadId
 *            OWNER       worker: epoch of the task that owns the rings (an assertion, not a fence; S22)
 *            READY       worker: 1 once recovery is done and the duty cycle runs
 *   line 3   DURABLE     flusher: submissions durable since open, wrapping; contiguous prefix only (release store)
 *            LOG_ERROR   flusher: errno that latched the log, or 0
 *   line 4   CLOCK       Float64: monotonic milliseconds, written by the worker's clock read
 *   line 5…  DURABLE and LOG_ERROR of the worker's second log, third log, …: a worker may host several
 */
export const WORKER_DOORBELL_WORD = 0;
export const WORKER_STOP_WORD = LINE_WORDS;
export const WORKER_CONTROL_WORD = LINE_WORDS + 1;
export const WORKER_BEAT_WORD = 2 * LINE_WORDS;
export const WORKER_THREAD_ID_WORD = 2 * LINE_WORDS + 1;
export const WORKER_OWNER_WORD = 2 * LINE_WORDS + 2;
export const WORKER_READY_WORD = 2 * LINE_WORDS + 3;
export const WORKER_DURABLE_WORD = 3 * LINE_WORDS;
export const WORKER_LOG_ERROR_WORD = 3 * LINE_WORDS + 1;
export const WORKER_CLOCK_WORD = 4 * LINE_WORDS;
export const WORKER_WORDS = 5 * LINE_WORDS;

/** Words of the block of a worker that hosts so many logs. */
export function workerWords(logs: number): number {
  return WORKER_WORDS + (Math.max(logs, 1) - 1) * LINE_WORDS;
}

/** DURABLE of one of the worker's logs. */
export function durableWordOf(index: number): number {
  return index === 0 ? WORKER_DURABLE_WORD : WORKER_WORDS + (index - 1) * LINE_WORDS;
}

/** LOG_ERROR of one of the worker's logs. */
export function logErrorWordOf(index: number): number {
  return durableWordOf(index) + WORKER_LOG_ERROR_WORD - WORKER_DURABLE_WORD;
}

/*
 * Link status: one block per node, written by its transport worker alone, read by group workers (may I send?), the coordinator and
 * the status page. One line per member index, and one more for peers that never said (or never proved) who they are.
 *
 *   0  STATE            LINK_DOWN, LINK_CONNECTING, LINK_UP: frames are taken only while it is LINK_UP
 *   1  KIND             LINK_KIND_* of the channel that carries frames now
 *   2  NUMBER           link number; every connection has a new one (S24)
 *   3  REASON           REASON_* (transport/reason) of the last refusal or loss, 0 = none yet
 *   4  RTT_US           round trip of the control lane, the last one measured
 *   5  BULK_RTT_US      the same behind values
 *   6  CONNECTS         times that the link came up
 *   7  REFUSALS         connections, hellos and bursts refused
 *   8  FRAMES_OUT (2)   10 BYTES_OUT (2)    12 BURSTS_OUT (2)   14 DROPS_OUT (2)   frames discarded because the link was down
 *   16 FRAMES_IN (2)    18 BYTES_IN (2)     20 BURSTS_IN (2)    22 DROPS_IN (2)    frames without group, room or sense
 *   24 PROVIDER         of libfabric, while KIND is rdma: index in LINK_PROVIDERS
 */
export const LINK_STATE_WORD = 0;
export const LINK_KIND_WORD = 1;
export const LINK_NUMBER_WORD = 2;
export const LINK_REASON_WORD = 3;
export const LINK_RTT_WORD = 4;
export const LINK_BULK_RTT_WORD = 5;
export const LINK_CONNECTS_WORD = 6;
export const LINK_REFUSALS_WORD = 7;
export const LINK_FRAMES_OUT_WORD = 8;
export const LINK_BYTES_OUT_WORD = 10;
export const LINK_BURSTS_OUT_WORD = 12;
export const LINK_DROPS_OUT_WORD = 14;
export const LINK_FRAMES_IN_WORD = 16;
export const LINK_BYTES_IN_WORD = 18;
export const LINK_BURSTS_IN_WORD = 20;
export const LINK_DROPS_IN_WORD = 22;
export const LINK_PROVIDER_WORD = 24;
export const LINK_PROVIDERS: readonly string[] = ['', 'verbs', 'efa', 'tcp', 'shm'];
export const LINK_DOWN = 0;
export const LINK_CONNECTING = 1;
export const LINK_UP = 2;
export const LINK_KIND_NONE = 0;
export const LINK_KIND_TCP = 1;
export const LINK_KIND_TLS = 2;
export const LINK_KIND_SHM = 3;
export const LINK_KIND_RDMA = 4;
