/**
 * Nodes for tests of the transport, without engine: real rings and real sockets. The group workers' end is the production
 * MemoryTransport, driven by the test; the transport worker runs on the test's own event loop.
 */
import { MessageChannel } from 'node:worker_threads';
import { TYPE_FRAME, WORKER_WORDS } from '../../src/memory/descriptor.ts';
import { AtomicsWaker } from '../../src/memory/doorbell.ts';
import { createRing } from '../../src/memory/ring.ts';
import { ACCEPT, HEARTBEAT } from '../../src/paxos/message.ts';
import { type BuiltTransport, buildTransport } from '../../src/transport/build-transport.ts';
import {
  createLinkStatus,
  type LinkSnapshot,
  readLinkStatus,
  STRANGERS_LINE,
} from '../../src/transport/link-status.ts';
import { MemoryTransport } from '../../src/transport/memory-transport.ts';
import {
  FRAME_GROUP_WORD,
  FRAME_HEADER_BYTES,
  FRAME_TYPE_WORD,
  FRAME_VALUE_CRC_WORD,
  FRAME_VALUE_LENGTH_WORD,
} from '../../src/wire/frame.ts';
import type {
  TlsFiles,
  TransportData,
  TransportMember,
  TransportMessage,
  TransportWorker,
} from '../../workers/worker-data.ts';

export interface NodeOptions {
  memberIndex: number;
  memberCount: number;
  /** Group workers and the groups of each. */
  groups?: number[][];
  tls?: TlsFiles;
  overrides?: Partial<TransportData>;
  ringBytes?: number;
  native?: 'auto' | 'off';
}

/** What arrived at one group worker. */
export interface Arrival {
  from: number;
  group: number;
  kind: number;
  mark: number;
  size: number;
}

export class TestNode {
  readonly data: TransportData;
  readonly messages: TransportMessage[] = [];
  /** Per group worker. */
  readonly ends: MemoryTransport[];
  readonly arrivals: Arrival[] = [];
  port = 0;
  #built: BuiltTransport | undefined = undefined;
  #run: Promise<void> | undefined = undefined;

  constructor(options: NodeOptions) {
    this.data = makeTransportData(options);
    this.ends = this.data.workers.map(
      (worker) =>
        new MemoryTransport(
          worker.links.map((link) => ({
            ...link,
            peerBlock: this.data.block,
            wakeKind: 'eventLoop' as const,
            linkStatus: this.data.linkStatus,
          })),
          (block) => new AtomicsWaker(block),
        ),
    );
  }

  get built(): BuiltTransport {
    return this.#built as BuiltTransport;
  }

  /** Listens; the port of the data is that of the listener from then on. */
  async open(): Promise<void> {
    this.#built = await buildTransport(this.data, (message) => this.messages.push(message));
    const { ready } = this.#built;
    if (ready.kind === 'ready') this.port = ready.port;
  }

  /** Starts the duty cycle, once the addresses of all are known. */
  start(): void {
    this.#run = this.built.agent.run();
  }

  async close(): Promise<void> {
    const words = new Int32Array(this.data.block);
    Atomics.store(words, STOP_WORD, 1);
    this.built.agent.wake();
    await this.#run;
    this.built.close();
    this.data.control.close();
  }

  link(memberIndex: number): LinkSnapshot {
    return readLinkStatus(this.data.linkStatus, memberIndex);
  }

  get strangers(): LinkSnapshot {
    return readLinkStatus(this.data.linkStatus, STRANGERS_LINE);
  }

  /** Sends a frame from the worker that hosts the group; false when it was not taken. */
  send(to: number, group: number, mark: number, size = FRAME_HEADER_BYTES): boolean {
    const worker = this.data.workers.findIndex(({ groups }) => groups.includes(group));
    const end = this.ends[worker] as MemoryTransport;
    const bulk = size > FRAME_HEADER_BYTES;
    const offset = end.claim(to, size, bulk);
    if (offset < 0) return false;
    writeFrame(end.outWords, offset >> 2, this.data.memberIndex, group, mark, size);
    if (bulk) end.outBytes.fill(mark & 0xff, offset + FRAME_HEADER_BYTES, offset + size);
    end.publish();
    end.flush();
    return true;
  }

  /** Takes what arrived at the group workers (all of them, or one) into `arrivals`. */
  poll(worker?: number): number {
    let count = 0;
    this.ends.forEach((end, index) => {
      if (worker !== undefined && worker !== index) return;
      count += end.poll((words, bytes, offset, size) => this.#note(words, bytes, offset, size), 10_000);
    });
    return count;
  }

  #note(words: Int32Array, bytes: Uint8Array, offset: number, size: number): void {
    const word = offset >> 2;
    const type = words[word + FRAME_TYPE_WORD] as number;
    const mark = words[word + FRAME_VALUE_CRC_WORD] as number;
    for (let at = offset + FRAME_HEADER_BYTES; at < offset + size; at++) {
      if (bytes[at] !== (mark & 0xff)) throw new Error('a frame arrived with other bytes');
    }
    this.arrivals.push({
      from: type & 0xff,
      group: words[word + FRAME_GROUP_WORD] as number,
      kind: (type >>> 8) & 0xff,
      mark,
      size,
    });
  }
}

const STOP_WORD = 32;

/** A sound frame: HEARTBEAT without value, ACCEPT with one; the mark stands where the value's checksum would. */
export function writeFrame(
  words: Int32Array,
  word: number,
  from: number,
  group: number,
  mark: number,
  size: number,
): void {
  const kind = size > FRAME_HEADER_BYTES ? ACCEPT : HEARTBEAT;
  words.fill(0, word + FRAME_TYPE_WORD, word + FRAME_HEADER_BYTES / 4);
  words[word + FRAME_TYPE_WORD] = (TYPE_FRAME << 24) | (kind << 8) | from;
  words[word + FRAME_GROUP_WORD] = group;
  words[word + FRAME_VALUE_LENGTH_WORD] = size - FRAME_HEADER_BYTES;
  words[word + FRAME_VALUE_CRC_WORD] = mark;
}

export function makeTransportData(options: NodeOptions): TransportData {
  const { memberIndex, memberCount, groups = [[0, 1]], ringBytes = 1 << 22 } = options;
  const { port1 } = new MessageChannel();
  const members: TransportMember[] = Array.from({ length: memberCount }, (_, member) => ({
    memberIndex: member,
    nodeId: member + 1,
    host: '127.0.0.1',
    port: 0,
    incarnation: 0,
    bootCounter: 0,
  }));
  const ring = (bytes: number): SharedArrayBuffer => createRing(bytes);
  const workers: TransportWorker[] = groups.map((hosted, workerIndex) => ({
    workerIndex,
    groups: hosted,
    block: new SharedArrayBuffer(WORKER_WORDS * 4),
    links: members
      .filter((member) => member.memberIndex !== memberIndex)
      .map((member) => ({
        memberIndex: member.memberIndex,
        outboundBulk: ring(ringBytes),
        outboundControl: ring(1 << 16),
        inboundBulk: ring(ringBytes),
        inboundControl: ring(1 << 16),
      })),
  }));
  return {
    ownerEpoch: 1,
    memberIndex,
    nodeId: memberIndex + 1,
    clusterId: 77,
    incarnation: 1000 + memberIndex,
    bootCounter: 1,
    shards: groups.flat().length,
    members,
    listen: { host: '127.0.0.1', port: 0 },
    tls: options.tls,
    insecureTransport: false,
    transport: 'tcp',
    rdmaProvider: 'auto',
    workers,
    block: new SharedArrayBuffer(WORKER_WORDS * 4),
    linkStatus: createLinkStatus(),
    control: port1,
    seed: 7 + memberIndex,
    native: options.native ?? 'auto',
    ...options.overrides,
  };
}

/**
 * Opens nodes that know each other's addresses, and starts them. `via` may put something between two of them; `onOpened` sees them
 * once they listen.
 */
export async function openNodes(
  options: NodeOptions[],
  via: (from: number, to: number, port: number) => number | Promise<number> = (_from, _to, port) => port,
  onOpened: (nodes: TestNode[]) => void = () => {},
): Promise<TestNode[]> {
  const nodes = options.map((option) => new TestNode(option));
  for (const node of nodes) await node.open();
  onOpened(nodes);
  for (const node of nodes) {
    for (const peer of nodes) {
      if (peer === node) continue;
      const { memberIndex } = peer.data;
      const port = await via(node.data.memberIndex, memberIndex, peer.port);
      node.built.links.readdress(memberIndex, '127.0.0.1', port);
    }
  }
  for (const node of nodes) node.start();
  return nodes;
}

/** Lets the event loop run until the condition holds; the test runner's own deadline ends a test that waits in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
