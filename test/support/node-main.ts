/** A process with one node, for tests: does what its parent asks over IPC, and answers each call by its number. */
import {
  type Node,
  type NodeOptions,
  openNode,
  type ProposeOptions,
  type ReadOptions,
  SynodError,
} from '../../src/index.ts';

/** What the parent asks for, by name. */
export interface NodeCalls {
  open(options: NodeOptions): Promise<void>;
  ready(timeoutMs: number): Promise<void>;
  propose(key: string, command: Uint8Array, options: ProposeOptions): Promise<Uint8Array>;
  read(key: string, query: Uint8Array, options: ReadOptions): Promise<Uint8Array>;
  status(): Promise<ReturnType<Node['status']>>;
  inspect(shard: number, query: Uint8Array): Promise<{ applied: number; reply: Uint8Array }>;
  transfer(shard: number, node: number): Promise<void>;
  snapshot(shard: number): Promise<void>;
  /** Blocks this process's main thread. */
  block(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface CallMessage {
  id: number;
  name: keyof NodeCalls;
  args: unknown[];
}

export interface AnswerMessage {
  id: number;
  value?: unknown;
  error?: { code: string; message: string; retryable: boolean };
}

let node: Node | undefined;

function opened(): Node {
  if (node === undefined) throw new Error('open comes first');
  return node;
}

const calls: NodeCalls = {
  async open(options) {
    node = await openNode(options);
    node.on('warning', (text) => process.send?.({ warning: text }));
  },
  ready: (timeoutMs) => opened().ready(timeoutMs),
  propose: (key, command, options) => opened().propose(key, command, options),
  read: (key, query, options) => opened().read(key, query, options),
  status: async () => opened().status(),
  inspect: (shard, query) => opened().inspect(shard, query),
  transfer: async (shard, id) => opened().transferLeadership(shard, id),
  snapshot: async (shard) => opened().snapshot(shard),
  block: async (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  close: () => opened().close(),
};

process.on('message', ({ id, name, args }: CallMessage) => {
  const call = calls[name] as (...args: unknown[]) => Promise<unknown>;
  call(...args).then(
    (value) => process.send?.({ id, value } satisfies AnswerMessage),
    (error: unknown) => process.send?.({ id, error: describe(error) } satisfies AnswerMessage),
  );
});
process.on('disconnect', () => process.exit(0));

function describe(error: unknown): { code: string; message: string; retryable: boolean } {
  if (error instanceof SynodError) return { code: error.code, message: error.message, retryable: error.retryable };
  return {
    code: 'none',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    retryable: false,
  };
}
