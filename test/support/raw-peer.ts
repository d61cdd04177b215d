/** A peer that is no node: says the hello of one properly where asked to, then whatever a test wants it to say. */
import { connect, type Socket } from 'node:net';
import { Handshake } from '../../src/transport/handshake.ts';
import type { Identity } from '../../src/transport/hello.ts';
import { lineOver } from './duplex-pair.ts';

/** A connection that ignores errors and reads on; `isClosed` once the other end is gone. */
export interface RawPeer {
  socket: Socket;
  received: Buffer[];
  isClosed: boolean;
}

export function dialRaw(port: number, first?: Uint8Array | string): RawPeer {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const peer: RawPeer = { socket, received: [], isClosed: false };
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => peer.received.push(chunk));
  socket.on('close', () => {
    peer.isClosed = true;
  });
  if (first !== undefined) socket.write(first);
  return peer;
}

/** One lane that has shaken hands as `self`. */
export function dialLane(port: number, self: Identity, nodeId: number, lane: number, link: number): Promise<RawPeer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    new Handshake(
      lineOver(socket),
      {
        self,
        expect: (id) => ({ nodeId: id, incarnation: 0, bootCounter: 0 }),
        onFailed: ({ reason }) => reject(new Error(reason)),
        onDone: () => {
          const peer: RawPeer = { socket, received: [], isClosed: false };
          socket.on('data', (chunk: Buffer) => peer.received.push(chunk));
          socket.on('close', () => {
            peer.isClosed = true;
          });
          socket.resume();
          resolve(peer);
        },
      },
      { nodeId, lane, linkNumber: link },
    );
  });
}
