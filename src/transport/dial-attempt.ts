/**
 * One attempt to connect to a peer: both lanes, or nothing.
 *
 *   dial lane 0 ─ handshake ─┐
 *   dial lane 1 ─ handshake ─┴▶ onConnected        the first failure, or the deadline, ends both
 */

import { LANES } from './channel.ts';
import type { Dial, Target } from './dialer.ts';
import { Handshake, type HandshakeFailure, type HandshakePorts } from './handshake.ts';
import { LanePair } from './lane-pair.ts';
import type { Line } from './line.ts';
import type { Reason } from './reason.ts';

export interface DialAttemptPorts extends Pick<HandshakePorts, 'self' | 'expect'> {
  dial: Dial;
  onHello: HandshakePorts['onDone'];
  onConnected(lines: readonly [Line, Line], linkNumber: number): void;
  /** `failure` is there where the handshake failed, not the network. */
  onFailed(reason: Reason, detail: string, failure: HandshakeFailure | undefined): void;
}

export class DialAttempt {
  readonly linkNumber: number;
  readonly #ports: DialAttemptPorts;
  readonly #target: Target;
  readonly #pair = new LanePair();
  readonly #handshakes: Handshake[] = [];
  readonly #giveUps: (() => void)[] = [];
  #isOver = false;

  constructor(target: Target, linkNumber: number, ports: DialAttemptPorts) {
    this.linkNumber = linkNumber;
    this.#ports = ports;
    this.#target = target;
    for (let lane = 0; lane < LANES; lane++) {
      const giveUp = ports.dial(target, {
        onLine: (line) => this.#shakeHands(line, lane),
        onFailed: (reason, detail) => this.fail(reason, detail),
      });
      this.#giveUps.push(giveUp);
    }
  }

  /** Ends the attempt: its time is up, or the network failed. */
  fail(reason: Reason, detail: string, failure?: HandshakeFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const giveUp of this.#giveUps) giveUp();
    // The handshake that failed says its own farewell.
    for (const handshake of this.#handshakes) if (handshake.line !== failure?.line) handshake.cancel(reason, detail);
    this.#pair.drop();
    this.#ports.onFailed(reason, detail, failure);
  }

  #shakeHands(line: Line, lane: number): void {
    if (this.#isOver) {
      line.stream.destroy();
      return;
    }
    const { self, expect } = this.#ports;
    const handshake = new Handshake(
      line,
      {
        self,
        expect,
        onDone: (done, hello) => {
          if (this.#isOver) return;
          this.#ports.onHello(done, hello);
          const lines = this.#pair.add(done, lane, this.linkNumber, 0);
          if (lines === undefined) return;
          this.#isOver = true;
          this.#ports.onConnected(lines, this.linkNumber);
        },
        onFailed: (failure) => this.fail(failure.reason, failure.detail, failure),
      },
      { nodeId: this.#target.nodeId, lane, linkNumber: this.linkNumber },
    );
    this.#handshakes.push(handshake);
  }
}
