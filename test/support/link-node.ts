/**
 * A node of the transport in a process of its own, for tests of links between processes: rings, transport worker and group workers'
 * ends as in transport-kit, told what to do over the channel of `fork`. Run by test/support/links-suite.
 */
import { loadNative, NATIVE_LINK_UP } from '../../src/native-binding.ts';
import type { TransportData } from '../../workers/worker-data.ts';
import { type Arrival, TestNode } from './transport-kit.ts';

export type LinkNodeCommand =
  | { kind: 'open'; memberIndex: number; memberCount: number; overrides: Partial<TransportData> }
  | { kind: 'address'; host: string; ports: number[] }
  | { kind: 'start' }
  /** Frames with marks from `first`, of mixed sizes; `count` of -1 goes on until the end. */
  | { kind: 'send'; to: number; first: number; count: number }
  | { kind: 'status' }
  /** Writes garbage over the mailboxes of all peers, past everything that keeps order. */
  | { kind: 'scribble' };

/** What arrived from one member. */
export interface Received {
  count: number;
  last: number;
  /** Marks grow by one. */
  isInOrder: boolean;
}

export interface LinkNodeStatus {
  transports: string[];
  providers: string[];
  states: string[];
  linkNumbers: number[];
  received: Received[];
  warnings: string[];
}

const POLL_MS = 1;
/** Links of a process are few, and numbered from 1. */
const HANDLES_MAX = 200;
const SIZES = [64, 128, 1024, 64 + 4096, 64 + 16_384, 64 + 65_536];

class LinkNode {
  readonly #node: TestNode;
  readonly #memberCount: number;
  readonly #received: Received[];
  readonly #lastOfLane: number[] = [];

  constructor(node: TestNode, memberCount: number) {
    this.#node = node;
    this.#memberCount = memberCount;
    this.#received = Array.from({ length: memberCount }, () => ({ count: 0, last: -1, isInOrder: true }));
    setInterval(() => this.#poll(), POLL_MS);
  }

  start(): void {
    this.#node.start();
  }

  readdress(host: string, ports: number[]): void {
    ports.forEach((port, member) => {
      if (member !== this.#node.data.memberIndex) this.#node.built.links.readdress(member, host, port);
    });
  }

  send(to: number, first: number, count: number): Promise<void> {
    let mark = first;
    return new Promise((resolve) => {
      const more = (): void => {
        while (mark !== first + count && this.#node.send(to, mark & 1, mark, SIZES[mark % SIZES.length])) mark += 1;
        if (mark === first + count) resolve();
        else setTimeout(more, POLL_MS);
      };
      more();
    });
  }

  status(): LinkNodeStatus {
    this.#poll();
    const links = Array.from({ length: this.#memberCount }, (_, member) => this.#node.link(member));
    return {
      transports: links.map(({ transport }) => transport),
      providers: links.map(({ provider }) => provider),
      states: links.map(({ state }) => state),
      linkNumbers: links.map(({ linkNumber }) => linkNumber),
      received: this.#received,
      warnings: this.#node.messages.flatMap((message) => (message.kind === 'warning' ? [message.message] : [])),
    };
  }

  scribble(): number {
    const { binding } = loadNative('required');
    let writes = 0;
    for (let link = 1; link < HANDLES_MAX; link++) {
      if (binding?.linkState(link) !== NATIVE_LINK_UP) continue;
      for (let offset = 0; offset < 4096; offset += 64) {
        if (binding.linkScribble(link, offset, new Uint8Array(64).fill(0xa5)) >= 0) writes += 1;
      }
    }
    return writes;
  }

  #poll(): void {
    this.#node.poll();
    for (const arrival of this.#node.arrivals.splice(0)) this.#note(arrival);
  }

  #note({ from, mark }: Arrival): void {
    const received = this.#received[from] as Received;
    // The lanes overtake each other; each carries the marks of its sizes in order.
    const lane = from * 2 + (mark % SIZES.length === 0 ? 0 : 1);
    if (mark <= (this.#lastOfLane[lane] ?? -1)) received.isInOrder = false;
    this.#lastOfLane[lane] = mark;
    received.count += 1;
    received.last = Math.max(received.last, mark);
  }
}

let node: LinkNode | undefined;

async function obey(command: LinkNodeCommand): Promise<unknown> {
  switch (command.kind) {
    case 'open': {
      const { memberIndex, memberCount, overrides } = command;
      const opened = new TestNode({ memberIndex, memberCount, overrides });
      await opened.open();
      node = new LinkNode(opened, memberCount);
      return opened.port;
    }
    case 'start':
      return node?.start();
    case 'address':
      return node?.readdress(command.host, command.ports);
    case 'send':
      return node?.send(command.to, command.first, command.count);
    case 'status':
      return node?.status();
    case 'scribble':
      return node?.scribble();
  }
}

process.on('message', ({ id, command }: { id: number; command: LinkNodeCommand }) => {
  obey(command).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
