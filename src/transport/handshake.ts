/**
 * Three hellos on a new connection, at either end. Reads exactly their bytes, so that what follows is left to the channel.
 *
 *   dialler    HELLO 1 ─▶ … ─▶ HELLO 2 read, judged ─▶ HELLO 3 (or refusal) ─▶ done
 *   acceptor   … HELLO 1 read, judged ─▶ HELLO 2 (or refusal) ─▶ HELLO 3 read ─▶ done
 *
 * Until it is done the connection has cost its socket and a hello's memory; the owner ends it when its time is up.
 */
import { assert } from '../base/assert.ts';
import {
  canBeHello,
  decodeHello,
  type Expected,
  encodeHello,
  HELLO_BYTES,
  type Hello,
  helloViolation,
  type Identity,
} from './hello.ts';
import { describeError, type Line, reasonOfError } from './line.ts';
import type { Reason } from './reason.ts';

/** What the first bytes must show before the rest is waited for. */
const MAGIC_BYTES = 4;
/** A refusal that the peer does not read is not waited for. */
const FAREWELL_MS = 500;

/** Who the dialler means. */
export interface Dialled {
  nodeId: number;
  lane: number;
  linkNumber: number;
}

export interface HandshakePorts {
  self: Identity;
  /** What is known of a member; undefined when no member has that id. */
  expect(nodeId: number): Expected | undefined;
  /** Agreed: `hello` is the peer's. The stream is paused, with no listener but one for errors. */
  onDone(line: Line, hello: Hello): void;
  /** The connection is gone. `nodeId` is who the peer claimed to be, 0 when it said nothing. */
  onFailed(failure: HandshakeFailure): void;
}

export interface HandshakeFailure {
  line: Line;
  reason: Reason;
  detail: string;
  nodeId: number;
  /** It was the peer that refused. */
  isByPeer: boolean;
}

export class Handshake {
  readonly line: Line;
  readonly #ports: HandshakePorts;
  readonly #dialled: Dialled | undefined;
  readonly #bytes = new Uint8Array(HELLO_BYTES);
  #filled = 0;
  #step: number;
  #peer: Hello | undefined = undefined;
  #isOver = false;

  /** Starts at once; without `dialled` it is the acceptor's. */
  constructor(line: Line, ports: HandshakePorts, dialled?: Dialled) {
    this.line = line;
    this.#ports = ports;
    this.#dialled = dialled;
    this.#step = dialled === undefined ? 1 : 2;
    const { stream } = line;
    stream.on('error', ignore);
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.on('end', this.#onClose);
    if (dialled !== undefined) this.#send(1, dialled.nodeId, dialled.lane, dialled.linkNumber, undefined);
    stream.on('readable', this.#onReadable);
    this.#onReadable();
  }

  /** Ends it from outside: its time is up, or nobody needs it any more. */
  cancel(reason: Reason, detail: string): void {
    this.#fail(reason, detail, false);
    this.line.stream.destroy();
  }

  readonly #onReadable = (): void => {
    while (!this.#isOver) {
      const wanted = this.#filled < MAGIC_BYTES ? MAGIC_BYTES : HELLO_BYTES;
      const chunk = this.line.stream.read(wanted - this.#filled) as Buffer | null;
      if (chunk === null) return;
      this.#bytes.set(chunk, this.#filled);
      this.#filled += chunk.length;
      if (!canBeHello(this.#bytes, this.#filled)) this.#refuse('notSynod', 'the first bytes are no hello');
      else if (this.#filled === HELLO_BYTES) this.#onHello();
    }
  };

  #onHello(): void {
    this.#filled = 0;
    const hello = decodeHello(this.#bytes);
    if (typeof hello === 'string') this.#refuse(hello, 'the hello makes no sense here');
    else if (hello.step !== this.#step) this.#refuse('malformed', 'a hello out of turn');
    else if (hello.refusal !== undefined) this.#refusedByPeer(hello);
    else if (this.#step === 3) this.#finishAccepting(hello);
    else this.#judge(hello);
  }

  /** First hello of the peer. */
  #judge(hello: Hello): void {
    this.#peer = hello;
    const { self } = this.#ports;
    const dialled = this.#dialled;
    const isOther =
      dialled !== undefined &&
      (hello.nodeId !== dialled.nodeId || hello.lane !== dialled.lane || hello.linkNumber !== dialled.linkNumber);
    const violation = helloViolation(self, hello, this.#ports.expect(hello.nodeId));
    if (violation !== undefined) this.#refuse(violation, describeHello(hello, self, violation));
    else if (isOther) this.#refuse('notMember', `node ${hello.nodeId} answered for node ${dialled.nodeId}`);
    else if (!this.line.isNode(hello.nodeId)) {
      this.#refuse('certificate', `the certificate does not name node ${hello.nodeId}`);
    } else {
      this.#send(this.#step === 1 ? 2 : 3, hello.nodeId, hello.lane, hello.linkNumber, undefined);
      if (dialled === undefined) this.#step = 3;
      else this.#finish(hello);
    }
  }

  /** Third step: the same sender about the same link. */
  #finishAccepting(hello: Hello): void {
    const peer = this.#peer as Hello;
    assert(peer !== undefined, 'the first hello came before the third');
    const isSame = hello.nodeId === peer.nodeId && hello.lane === peer.lane && hello.linkNumber === peer.linkNumber;
    if (isSame) this.#finish(peer);
    else this.#refuse('malformed', 'the third hello contradicts the first');
  }

  #finish(hello: Hello): void {
    this.#letGo();
    this.#ports.onDone(this.line, hello);
  }

  #refusedByPeer(hello: Hello): void {
    this.#peer ??= hello;
    const reason = hello.refusal as Reason;
    this.#fail(reason, describeHello(hello, this.#ports.self, reason), true);
    this.line.stream.destroy();
  }

  /** Says why, then ends the connection. */
  #refuse(reason: Reason, detail: string): void {
    const { stream } = this.line;
    const peer = this.#peer;
    const step = this.#dialled === undefined ? 2 : 3;
    const lane = peer?.lane ?? this.#dialled?.lane ?? 0;
    const link = peer?.linkNumber ?? this.#dialled?.linkNumber ?? 0;
    this.#fail(reason, detail, false);
    if (stream.writable) stream.end(this.#hello(step, peer?.nodeId ?? 0, lane, link, reason));
    const timer = setTimeout(() => stream.destroy(), FAREWELL_MS);
    stream.once('close', () => clearTimeout(timer));
    stream.once('finish', () => stream.destroy());
  }

  #send(step: number, receiver: number, lane: number, link: number, refusal: Reason | undefined): void {
    this.line.stream.write(this.#hello(step, receiver, lane, link, refusal));
  }

  #hello(step: number, receiverId: number, lane: number, linkNumber: number, refusal: Reason | undefined): Uint8Array {
    return encodeHello({ ...this.#ports.self, step, lane, linkNumber, receiverId, refusal });
  }

  readonly #onError = (error: unknown): void => {
    this.#fail(reasonOfError(error), describeError(error), false);
    this.line.stream.destroy();
  };

  readonly #onClose = (): void => {
    this.#fail('closed', 'before the handshake was finished', false);
    this.line.stream.destroy();
  };

  #fail(reason: Reason, detail: string, isByPeer: boolean): void {
    if (this.#isOver) return;
    this.#letGo();
    this.#ports.onFailed({ line: this.line, reason, detail, nodeId: this.#peer?.nodeId ?? 0, isByPeer });
  }

  #letGo(): void {
    this.#isOver = true;
    const { stream } = this.line;
    stream.off('error', this.#onError);
    stream.off('close', this.#onClose);
    stream.off('end', this.#onClose);
    stream.off('readable', this.#onReadable);
    stream.pause();
  }
}

/** Both sides of a disagreement. */
function describeHello(hello: Hello, self: Identity, reason: Reason): string {
  const own = { ...self };
  switch (reason) {
    case 'wrongCluster':
      return `node ${hello.nodeId} of cluster ${hello.clusterId} meets node ${own.nodeId} of cluster ${own.clusterId}`;
    case 'shards':
      return `node ${hello.nodeId} has ${hello.shards} shards, node ${own.nodeId} has ${own.shards}`;
    case 'oldBoot':
      return `node ${hello.nodeId} starts for the ${hello.bootCounter}. time`;
    case 'wrongIncarnation':
      return `node ${hello.nodeId} comes with incarnation ${hello.incarnation}`;
    default:
      return `node ${hello.nodeId} to node ${hello.receiverId}`;
  }
}

function ignore(): void {}
