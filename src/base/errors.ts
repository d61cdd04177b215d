/**
 * The errors a user meets. Each has a stable code, says whether trying again can help, and what to do.
 */

export const ERROR_CODES = {
  /** The handle was closed; open it again. */
  ERR_SYNOD_CLOSED: { retryable: false },
  /** An option has a wrong type or lies outside its range. */
  ERR_SYNOD_CONFIG: { retryable: false },
  /** A command or query is longer than `payloadBytesMax`. */
  ERR_SYNOD_PAYLOAD_TOO_LARGE: { retryable: false },
  /** The key is empty or longer than KEY_BYTES_MAX. */
  ERR_SYNOD_KEY: { retryable: false },
  /** The ring is full: try again once completions were polled. */
  ERR_SYNOD_FULL: { retryable: true },
  /** Aborted or timed out before anything was published: it surely did not happen. */
  ERR_SYNOD_ABORTED: { retryable: true },
  /** Timed out before anything was published: it surely did not happen. */
  ERR_SYNOD_TIMEOUT: { retryable: true },
  /** Published, then aborted, timed out or closed: it may or may not take effect. */
  ERR_SYNOD_OUTCOME_UNKNOWN: { retryable: false },
  /** Applied exactly once, but the reply is no longer remembered. */
  ERR_SYNOD_REPLY_EVICTED: { retryable: false },
  /** The session expired through the log: earlier outcomes are unknown, open a new one. */
  ERR_SYNOD_SESSION_EXPIRED: { retryable: false },
  /** No further session fits the session table. */
  ERR_SYNOD_SESSIONS_FULL: { retryable: true },
  /** The state machine threw; its group stopped on that replica. */
  ERR_SYNOD_MACHINE_FAILED: { retryable: false },
  /** Replicas disagree on the replies of the same slots: the machine is not deterministic. */
  ERR_SYNOD_NONDETERMINISTIC: { retryable: false },
  /** The machine module cannot be loaded or does not implement StateMachine. */
  ERR_SYNOD_MACHINE_MODULE: { retryable: false },
  /** The directory cannot be created, read or written. */
  ERR_SYNOD_DIRECTORY: { retryable: false },
  /** The directory belongs to another cluster, node or shard count. */
  ERR_SYNOD_DIRECTORY_MISMATCH: { retryable: false },
  /** Another process holds the directory. */
  ERR_SYNOD_DIRECTORY_LOCKED: { retryable: true },
  /** Not enough space on the device. */
  ERR_SYNOD_DISK_FULL: { retryable: true },
  /** A write or flush failed; the log is latched closed until the replica is restarted. */
  ERR_SYNOD_LOG_FAILED: { retryable: true },
  /** The log is damaged in the middle; it was not cut. */
  ERR_SYNOD_LOG_DAMAGED: { retryable: false },
  ERR_SYNOD_SNAPSHOT_DAMAGED: { retryable: false },
  /** The asked-for log device does not work on this path or machine. */
  ERR_SYNOD_DURABILITY: { retryable: false },
  /** The group has no leader or no quorum in time. */
  ERR_SYNOD_NO_LEADER: { retryable: true },
  /** The address of `listen` is taken or does not exist. */
  ERR_SYNOD_LISTEN: { retryable: true },
  /** Certificates cannot be read or do not fit together. */
  ERR_SYNOD_TLS: { retryable: false },
  /** No node answers at the address. */
  ERR_SYNOD_UNREACHABLE: { retryable: true },
  /** A worker could not be started in time. */
  ERR_SYNOD_WORKER_START: { retryable: true },
  /** An invariant does not hold; the group stopped rather than risk acknowledged state. */
  ERR_SYNOD_INVARIANT: { retryable: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Every error this package throws or rejects with. */
export class SynodError extends Error {
  readonly code: ErrorCode;
  /** True where the same call may succeed later without any change by the caller. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SynodError';
    this.code = code;
    this.retryable = ERROR_CODES[code].retryable;
  }
}
