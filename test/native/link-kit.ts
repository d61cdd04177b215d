/**
 * Pairs of links of the addon for tests, both ends in one process: shared memory, and libfabric's provider tcp. (Its provider shm
 * hands pointers around within a process; test/integration/links has it between processes.)
 */
import { constants } from 'node:os';
import type { FabricStatus, NativeBinding, SharedMailbox } from '../../src/native-binding.ts';
import { NATIVE_LINK_UP } from '../../src/native-binding.ts';

const { EAGAIN } = constants.errno;
export const LINK_KINDS = ['shm', 'rdma(tcp)'] as const;
export type LinkKind = (typeof LINK_KINDS)[number] | 'rdma(verbs)';

export const ENTRY_BYTES = 64;
/** Places to send from: what is in flight keeps its bytes. */
const PLACES = 64;
const PLACE_BYTES = 1 << 15;

/** One end: a handle, memory to send from, memory to take into. */
export class LinkEnd {
  readonly link: number;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly words: Int32Array;
  wakes = 0;
  readonly #binding: NativeBinding;
  readonly #sourceId: number;
  readonly #targetId: number;
  #sent = 0;

  constructor(binding: NativeBinding, open: (onWake: () => void) => number, bytes: number) {
    this.#binding = binding;
    this.link = open(() => {
      this.wakes += 1;
    });
    if (this.link < 0) throw new Error(`a link could not be opened: ${this.link}`);
    this.source = new Uint8Array(new SharedArrayBuffer(PLACES * PLACE_BYTES));
    this.target = new Uint8Array(new SharedArrayBuffer(bytes));
    this.words = new Int32Array(this.target.buffer);
    this.#sourceId = binding.attach(this.source);
    this.#targetId = binding.attach(this.target);
  }

  /** A burst of `length` bytes that begins with a number. */
  send(mark: number, length: number): number {
    if (this.#sent - Math.max(this.released, 0) >= PLACES) return 0;
    const offset = (this.#sent % PLACES) * PLACE_BYTES;
    new DataView(this.source.buffer).setInt32(offset, mark, true);
    const sent = this.#binding.linkSend(this.link, this.#sourceId, offset, length, mark);
    if (sent === 1) this.#sent += 1;
    return sent;
  }

  /** Marks of the bursts taken, or -errno. */
  take(size = this.target.length): number[] | number {
    const filled = this.#binding.linkPoll(this.link, this.#targetId, 0, size);
    if (filled < 0) return filled;
    const marks: number[] = [];
    for (let at = 0; at < filled; ) {
      const length = this.words[at >> 2] as number;
      if (this.words[(at >> 2) + 1] !== this.words[(at + ENTRY_BYTES) >> 2]) throw new Error('tag and payload differ');
      marks.push(this.words[(at + ENTRY_BYTES) >> 2] as number);
      at += ENTRY_BYTES + Math.ceil(length / 64) * 64;
    }
    return marks;
  }

  arm(): boolean {
    return this.#binding.linkArm(this.link);
  }

  get released(): number {
    return this.#binding.linkReleased(this.link);
  }

  get state(): number {
    return this.#binding.linkState(this.link);
  }

  close(): void {
    this.#binding.linkClose(this.link);
    this.#binding.detach(this.#sourceId);
    this.#binding.detach(this.#targetId);
  }
}

export interface LinkPair {
  left: LinkEnd;
  right: LinkEnd;
  close(): void;
}

/** Makes pairs of one kind; a libfabric domain is opened once. */
export class LinkMaker {
  readonly kind: LinkKind;
  status: FabricStatus | undefined = undefined;
  readonly #binding: NativeBinding;
  readonly #host: string;
  #domain = 0;

  constructor(binding: NativeBinding, kind: LinkKind, host = '127.0.0.1') {
    this.#binding = binding;
    this.kind = kind;
    this.#host = host;
  }

  /** False where libfabric cannot be had. */
  async open(): Promise<boolean> {
    if (this.kind === 'shm') return true;
    const keep = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => {
      this.#domain = this.#binding.fabricOpen(this.kind === 'rdma(tcp)' ? 'tcp' : 'verbs', this.#host, resolve);
    });
    clearInterval(keep);
    this.status = this.#binding.fabricStatus(this.#domain);
    return this.status.state === 'ready';
  }

  end(capacity: number): LinkEnd {
    const binding = this.#binding;
    if (this.kind === 'shm') return new LinkEnd(binding, () => binding.shmOpen(capacity, 0), 4 * capacity);
    return new LinkEnd(binding, (onWake) => binding.fabricLink(this.#domain, capacity, onWake), 4 * capacity);
  }

  /** Lets `acceptor` and `dialer` meet; up when it resolves. */
  async meet(dialer: LinkEnd, acceptor: LinkEnd): Promise<void> {
    const binding = this.#binding;
    const check = (rc: number): void => {
      if (rc !== 0) throw new Error(`ends do not meet: ${rc}`);
    };
    if (this.kind === 'shm') {
      for (const [end, peer] of [
        [dialer, acceptor],
        [acceptor, dialer],
      ] as const) {
        const { pid, fd, nonce, capacity } = binding.shmDescribe(peer.link) as SharedMailbox;
        check(
          binding.shmAttach(end.link, pid, fd, nonce, capacity, () => {
            end.wakes += 1;
          }),
        );
      }
      return;
    }
    check(binding.fabricMeet(acceptor.link, binding.fabricOffer(dialer.link) as Uint8Array, false));
    check(binding.fabricMeet(dialer.link, binding.fabricOffer(acceptor.link) as Uint8Array, true));
    await turns(() => dialer.state === NATIVE_LINK_UP && acceptor.state === NATIVE_LINK_UP);
  }

  async pair(capacity: number): Promise<LinkPair> {
    const left = this.end(capacity);
    const right = this.end(capacity);
    await this.meet(left, right);
    return {
      left,
      right,
      close: () => {
        left.close();
        right.close();
      },
    };
  }

  close(): void {
    if (this.#domain !== 0) this.#binding.fabricClose(this.#domain);
  }
}

/** Lets the event loop run until the condition holds; the runner's deadline ends a test that waits in vain. */
export async function turns(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Takes until `count` marks are there. */
export async function takeAll(end: LinkEnd, count: number): Promise<number[]> {
  const marks: number[] = [];
  await turns(() => {
    const taken = end.take();
    if (typeof taken === 'number') throw new Error(`a link ended: ${taken}`);
    marks.push(...taken);
    return marks.length >= count;
  });
  return marks;
}

/** Sends when there is room. */
export async function sendSoon(end: LinkEnd, mark: number, length: number): Promise<void> {
  await turns(() => {
    const sent = end.send(mark, length);
    if (sent < 0 && sent !== -EAGAIN) throw new Error(`a link ended: ${sent}`);
    return sent === 1;
  });
}
