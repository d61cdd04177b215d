/** Options of the calls on a user's handle. */
import type { Consistency } from './consistency.ts';
import type { ProposeOptions } from './proposals.ts';

export interface ReadOptions extends ProposeOptions {
  /** What the answer must reflect; 'linearizable' where nothing is said. */
  consistency?: Consistency;
}

export interface SessionOptions {
  /** A key of the shard that a new session is for. */
  key?: string;
  /** Of a session to go on with, from `session.token`. */
  token?: string;
  /** Milliseconds until it must be open. */
  timeout?: number;
}

export interface LaneOptions {
  /** A lane of such reads instead of one of commands. */
  reads?: Consistency;
}
