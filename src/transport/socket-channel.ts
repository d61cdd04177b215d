/**
 * Channel over a socket (or any duplex stream): bursts out, bursts in. See transport/burst for their form.
 *
 *   send ─▶ crc over the ring bytes ─▶ header + the ring bytes themselves ─ corked ─ flush ─▶ one writev
 *                                                                     write callback ─▶ onReleased
 *   data ─▶ BurstReader ─▶ onRecords; taken in part: pause, keep the rest ─ resume ─▶ on with it
 *
 * The stream reads ring bytes until its write callback: only then may the ring reuse them. A PING is answered at once; what was
 * heard last is what tells a half-open connection.
 */
import type { Duplex } from 'node:stream';
import { assert } from '../base/assert.ts';
import { NOTE_BYTES_MAX, SEND_BYTES_MAX } from '../limits.ts';
import type { Bulk } from '../memory/bulk.ts';
import {
  BURST_DATA,
  BURST_GOODBYE,
  BURST_HEADER_BYTES,
  BURST_NOTE,
  BURST_PING,
  BURST_PONG,
  BurstHeaders,
  burstBytesMax,
} from './burst.ts';
import { BurstReader } from './burst-reader.ts';
import type { Channel, ChannelEvents } from './channel.ts';
import { describeError } from './line.ts';
import { REASONS, type Reason, reasonOf } from './reason.ts';

/** Bursts handed to the stream at most; data leaves some for pings, pongs and notes. */
const BURSTS_MAX = 128;
const DATA_BURSTS_MAX = 112;
/** A goodbye that the peer does not read is not waited for. */
const FAREWELL_MS = 200;

export interface SocketEvents extends ChannelEvents {
  onNote(bytes: Uint8Array): void;
  onRoundTrip(microseconds: number): void;
  /** `send` would take something again. */
  onRoom(): void;
}

export interface SocketChannelOptions {
  stream: Duplex;
  kind: 'tcp' | 'tls';
  linkNumber: number;
  lane: number;
  bulk: Bulk;
  events: SocketEvents;
  /** Monotonic milliseconds. */
  now(): number;
}

export class SocketChannel implements Channel {
  readonly kind: 'tcp' | 'tls';
  readonly linkNumber: number;
  /** True while the receiver had no room: nothing is read. */
  isStalled = false;
  readonly #stream: Duplex;
  readonly #lane: number;
  readonly #bulk: Bulk;
  readonly #events: SocketEvents;
  readonly #now: () => number;
  readonly #headers: BurstHeaders;
  readonly #reader: BurstReader;
  /** Sizes of the bursts in the stream, oldest first: body bytes of the ring, 0 for bursts without. */
  readonly #written: number[] = [];
  #bytesInFlight = 0;
  #isFull = false;
  #isCorked = false;
  #isClosed = false;
  /** Of the burst at hand: bytes that the receiver has taken. */
  #taken = 0;
  /** What was read behind a burst that waits. */
  #rest: Uint8Array | undefined = undefined;
  #heardMs: number;

  /** Reads at once: the owner is ready for events. */
  constructor(options: SocketChannelOptions) {
    const { stream, kind, linkNumber, lane, bulk, events, now } = options;
    this.kind = kind;
    this.linkNumber = linkNumber;
    this.#stream = stream;
    this.#lane = lane;
    this.#bulk = bulk;
    this.#events = events;
    this.#now = now;
    this.#headers = new BurstHeaders(BURSTS_MAX, linkNumber, lane);
    this.#reader = new BurstReader(linkNumber, lane, bulk);
    this.#heardMs = now();
    stream.on('error', (error) => this.#end('closed', describeError(error)));
    stream.on('end', () => this.#end('closed', 'by the peer'));
    stream.on('close', () => this.#end('closed', 'by the network'));
    stream.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    stream.resume();
  }

  room(): number {
    const isFull = this.#isClosed || this.#bytesInFlight >= SEND_BYTES_MAX || this.#written.length >= DATA_BURSTS_MAX;
    this.#isFull = isFull;
    return isFull ? 0 : burstBytesMax(this.#lane);
  }

  send(bytes: Uint8Array, offset: number, size: number): void {
    assert(size > 0 && size <= burstBytesMax(this.#lane), 'a burst has its limits');
    assert(!this.#isClosed, 'nothing is sent on a closed channel');
    this.#bytesInFlight += size;
    this.#writeHeader(BURST_DATA, size, this.#bulk.crc32c(bytes, offset, size), 0);
    this.#written.push(size);
    this.#stream.write(Buffer.from(bytes.buffer, bytes.byteOffset + offset, size), this.#onWritten);
  }

  flush(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#stream.uncork();
  }

  ping(): void {
    if (this.#hasBurstRoom()) this.#writeSmall(BURST_PING, clockStamp(this.#now()));
  }

  /** Milliseconds since anything was heard, 0 while it is us who do not listen. */
  silentMs(nowMs: number): number {
    return this.isStalled ? 0 : nowMs - this.#heardMs;
  }

  /** Counts silence from now on. */
  forgive(): void {
    this.#heardMs = this.#now();
  }

  /** Notes are few; one that finds no room is lost, and the upgrade that waits for it tries again. */
  sendNote(bytes: Uint8Array): void {
    assert(bytes.length > 0 && bytes.length <= NOTE_BYTES_MAX, 'a note has its limits');
    if (this.#isClosed || !this.#hasBurstRoom()) return;
    const memory = new Uint8Array(new SharedArrayBuffer(NOTE_BYTES_MAX));
    memory.set(bytes);
    this.#writeHeader(BURST_NOTE, bytes.length, this.#bulk.crc32c(memory, 0, bytes.length), 0);
    this.#written.push(0);
    this.#stream.write(Buffer.from(memory.buffer, 0, bytes.length), this.#onWritten);
    this.flush();
  }

  resume(): void {
    if (!this.isStalled || this.#isClosed) return;
    this.isStalled = false;
    this.#heardMs = this.#now();
    const rest = this.#rest as Uint8Array;
    this.#rest = undefined;
    this.#consume(rest);
    if (!this.isStalled && !this.#isClosed) this.#stream.resume();
  }

  close(reason: Reason, detail: string): void {
    if (this.#isClosed) return;
    // Ring bytes in the stream are released by the end: a farewell behind them would send what stands there by then.
    if (this.#bytesInFlight === 0 && this.#stream.writable && this.#hasBurstRoom()) this.#sayGoodbye(reason);
    else this.#stream.destroy();
    this.#end(reason, detail);
  }

  #sayGoodbye(reason: Reason): void {
    const stream = this.#stream;
    this.#writeSmall(BURST_GOODBYE, REASONS[reason].code);
    stream.end();
    const timer = setTimeout(() => stream.destroy(), FAREWELL_MS);
    stream.once('close', () => clearTimeout(timer));
    stream.once('finish', () => stream.destroy());
  }

  #end(reason: Reason, detail: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isCorked) this.flush();
    if (!this.#stream.writableEnded) this.#stream.destroy();
    this.#rest = undefined;
    this.#events.onClosed(reason, detail);
  }

  #hasBurstRoom(): boolean {
    return this.#written.length < BURSTS_MAX - 1;
  }

  #writeSmall(kind: number, stamp: number): void {
    if (this.#isClosed) return;
    this.#writeHeader(kind, 0, 0, stamp);
    this.flush();
  }

  /** A header; its own callback stands for the burst where no body follows. */
  #writeHeader(kind: number, length: number, crc: number, stamp: number): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
    }
    const at = this.#headers.write(kind, length, crc, stamp);
    const header = Buffer.from(this.#headers.bytes.buffer, at, BURST_HEADER_BYTES);
    if (length > 0) {
      this.#stream.write(header);
      return;
    }
    this.#written.push(0);
    this.#stream.write(header, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#isClosed || (error !== undefined && error !== null)) return;
    const size = this.#written.shift() as number;
    if (size === 0) return;
    this.#bytesInFlight -= size;
    this.#events.onReleased(size);
    if (this.#isFull && this.room() > 0) this.#events.onRoom();
  };

  #onData(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    this.#heardMs = this.#now();
    if (this.#rest !== undefined) {
      // The stream had this chunk under way when it was paused.
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return;
    }
    this.#consume(chunk);
  }

  #consume(chunk: Uint8Array): void {
    const reader = this.#reader;
    let at = 0;
    while (!this.#isClosed && (at < chunk.length || reader.isComplete)) {
      if (!reader.isComplete) at = reader.take(chunk, at);
      if (reader.violation !== undefined) {
        this.close(reader.violation, 'a burst on an established connection');
      } else if (reader.isComplete && !this.#use()) {
        this.isStalled = true;
        this.#rest = chunk.subarray(at);
        this.#stream.pause();
        return;
      }
    }
  }

  /** Uses the burst at hand; false when the receiver has not taken all of it. */
  #use(): boolean {
    const { header, body, bodyWords } = this.#reader;
    switch (header.kind) {
      case BURST_DATA:
        this.#taken += this.#events.onRecords(bodyWords, body, this.#taken, header.length - this.#taken);
        if (this.#isClosed || this.#taken < header.length) return this.#isClosed;
        this.#taken = 0;
        break;
      case BURST_PING:
        if (this.#hasBurstRoom()) this.#writeSmall(BURST_PONG, header.stamp);
        break;
      case BURST_PONG:
        this.#events.onRoundTrip((clockStamp(this.#now()) - header.stamp) >>> 0);
        break;
      case BURST_NOTE:
        this.#events.onNote(Uint8Array.from(body.subarray(0, header.length)));
        break;
      default:
        this.#end(reasonOf(header.stamp), 'said by the peer');
        return true;
    }
    this.#reader.next();
    return true;
  }
}

/** Microseconds, wrapping at 32 bits. */
function clockStamp(nowMs: number): number {
  return Math.floor((nowMs * 1000) % 2 ** 32) | 0;
}
