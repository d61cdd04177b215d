/**
 * One of two nodes of the transport suite: rings, transport worker and a group worker's end, all on the caller's event loop, so that
 * kinds of links differ in nothing but what carries the frames. The other node is bench/transport-peer, a process of its own.
 */
import { MessageChannel } from 'node:worker_threads';
import { PEER_CONTROL_RING_BYTES, PEER_RING_BYTES } from '../src/limits.ts';
import { TYPE_FRAME, WORKER_STOP_WORD, WORKER_WORDS } from '../src/memory/descriptor.ts';
import { AtomicsWaker } from '../src/memory/doorbell.ts';
import { createRing } from '../src/memory/ring.ts';
import { ACCEPT, HEARTBEAT } from '../src/paxos/message.ts';
import { type BuiltTransport, buildTransport } from '../src/transport/build-transport.ts';
import { createLinkStatus, readLinkStatus } from '../src/transport/link-status.ts';
import { MemoryTransport } from '../src/transport/memory-transport.ts';
import type { FrameHandler } from '../src/transport/transport.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_TYPE_WORD,
  FRAME_VALUE_CRC_WORD,
  FRAME_VALUE_LENGTH_WORD,
} from '../src/wire/frame.ts';
import type { TlsFiles, TransportData } from '../workers/worker-data.ts';

export const HOST = '127.0.0.1';

export interface Carrier {
  transport: TransportData['transport'];
  provider: TransportData['rdmaProvider'];
  tls: TlsFiles | undefined;
}

export class BenchNode {
  readonly end: MemoryTransport;
  readonly #data: TransportData;
  readonly #peer: number;
  #built: BuiltTransport | undefined = undefined;
  #run: Promise<void> | undefined = undefined;

  constructor(memberIndex: number, carrier: Carrier) {
    this.#peer = 1 - memberIndex;
    this.#data = dataOf(memberIndex, carrier);
    const { workers, block, linkStatus } = this.#data;
    const links = workers.flatMap((worker) =>
      worker.links.map((link) => ({ ...link, peerBlock: block, wakeKind: 'eventLoop' as const, linkStatus })),
    );
    this.end = new MemoryTransport(links, (memory) => new AtomicsWaker(memory));
  }

  /** The port that it listens at. */
  async listen(): Promise<number> {
    this.#built = await buildTransport(this.#data, () => {});
    return this.#built.ready.kind === 'ready' ? this.#built.ready.port : 0;
  }

  async meet(port: number): Promise<void> {
    this.#built?.links.readdress(this.#peer, HOST, port);
    this.#run = this.#built?.agent.run();
    const { transport, tls } = this.#data;
    const wanted = transport === 'tcp' && tls !== undefined ? 'tls' : transport;
    while (this.link.state !== 'up' || this.link.transport !== wanted) await nextTurn();
  }

  get link(): ReturnType<typeof readLinkStatus> {
    return readLinkStatus(this.#data.linkStatus, this.#peer);
  }

  /** Writes a frame towards the peer; false when there is no room. Visible to the transport with `flush`. */
  offer(mark: number, size: number): boolean {
    const { end } = this;
    const isBulk = size > FRAME_HEADER_BYTES;
    const offset = end.claim(this.#peer, size, isBulk);
    if (offset < 0) return false;
    const word = offset >> 2;
    end.outWords.fill(0, word + FRAME_TYPE_WORD, word + FRAME_HEADER_BYTES / 4);
    end.outWords[word + FRAME_TYPE_WORD] = (TYPE_FRAME << 24) | ((isBulk ? ACCEPT : HEARTBEAT) << 8) | (1 - this.#peer);
    end.outWords[word + FRAME_VALUE_LENGTH_WORD] = size - FRAME_HEADER_BYTES;
    end.outWords[word + FRAME_VALUE_CRC_WORD] = mark;
    end.publish();
    return true;
  }

  flush(): void {
    this.end.flush();
  }

  poll(handler: FrameHandler): number {
    return this.end.poll(handler, 1 << 16);
  }

  async close(): Promise<void> {
    Atomics.store(new Int32Array(this.#data.block), WORKER_STOP_WORD, 1);
    this.#built?.agent.wake();
    await this.#run;
    this.#built?.close();
    this.#data.control.close();
  }
}

export const markOf = (words: Int32Array, offset: number): number =>
  words[(offset >> 2) + FRAME_VALUE_CRC_WORD] as number;

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function dataOf(memberIndex: number, { transport, provider, tls }: Carrier): TransportData {
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const link = {
    memberIndex: 1 - memberIndex,
    outboundBulk: createRing(PEER_RING_BYTES),
    outboundControl: createRing(PEER_CONTROL_RING_BYTES),
    inboundBulk: createRing(PEER_RING_BYTES),
    inboundControl: createRing(PEER_CONTROL_RING_BYTES),
  };
  return {
    ownerEpoch: 1,
    memberIndex,
    nodeId: memberIndex + 1,
    clusterId: 1,
    incarnation: memberIndex + 1,
    bootCounter: 1,
    shards: 1,
    members: [0, 1].map((member) => ({
      memberIndex: member,
      nodeId: member + 1,
      host: HOST,
      port: 0,
      incarnation: 0,
      bootCounter: 0,
    })),
    listen: { host: HOST, port: 0 },
    tls,
    insecureTransport: false,
    transport,
    rdmaProvider: provider,
    workers: [{ workerIndex: 0, groups: [0], block: new SharedArrayBuffer(WORKER_WORDS * 4), links: [link] }],
    block,
    linkStatus: createLinkStatus(),
    control: new MessageChannel().port1,
    seed: 1 + memberIndex,
    native: 'auto',
  };
}
