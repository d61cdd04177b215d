/**
 * Opens connections to peers: looks the host up anew every time (addresses of containers move), TLS where the node has certificates.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describeError, isLoopback, type Line, reasonOfError } from './line.ts';
import type { Reason } from './reason.ts';
import { namesNode, nodeName } from './tls-identity.ts';
import type { TlsMaterial } from './tls-material.ts';

export interface Target {
  nodeId: number;
  host: string;
  port: number;
}

export interface DialEvents {
  onLine(line: Line): void;
  onFailed(reason: Reason, detail: string): void;
}

/** Opens one connection; one of the events follows. Returns what gives it up. */
export type Dial = (target: Target, events: DialEvents) => () => void;

/** `material` undefined: plain text, refused to other machines unless `isInsecure`. */
export function makeDial(material: TlsMaterial | undefined, isInsecure: boolean): Dial {
  return (target, events) => {
    const socket = material === undefined ? openPlain(target) : openTls(target, material);
    let isOver = false;
    const fail = (reason: Reason, detail: string): void => {
      if (isOver) return;
      isOver = true;
      socket.destroy();
      events.onFailed(reason, detail);
    };
    const onError = (error: unknown): void => fail(reasonOfError(error), describeError(error));
    socket.on('error', onError);
    socket.once('close', () => fail('closed', 'while connecting'));
    socket.once(material === undefined ? 'connect' : 'secureConnect', () => {
      if (isOver) return;
      const address = socket.remoteAddress ?? '';
      if (material === undefined && !isInsecure && !isLoopback(address)) {
        fail('plainText', `to ${address}: give the node certificates (tls), or set insecure`);
        return;
      }
      isOver = true;
      socket.setNoDelay(true);
      events.onLine(lineOf(socket, material, address));
    });
    // A line that was handed over ends by whoever has it: a refusal may still be on its way out.
    return () => {
      if (isOver) return;
      isOver = true;
      socket.destroy();
    };
  };
}

function openPlain({ host, port }: Target): Socket {
  return connectPlain({ host, port, noDelay: true });
}

/** The certificate must name the node that was dialled: the handshake in TLS fails otherwise. */
function openTls({ host, port, nodeId }: Target, material: TlsMaterial): TLSSocket {
  return connectTls({
    ...material.options,
    host,
    port,
    servername: nodeName(nodeId, material.clusterName),
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) =>
      namesNode(certificate, nodeId, material.clusterName, Date.now()) ? undefined : new WrongNode(nodeId),
  });
}

/** The certificate is valid and names another node. */
class WrongNode extends Error {
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';

  constructor(nodeId: number) {
    super(`the certificate does not name node ${nodeId}`);
  }
}

/** A connected socket as a line; at the accepting end too. */
export function lineOf(socket: Socket | TLSSocket, material: TlsMaterial | undefined, address: string): Line {
  return {
    stream: socket,
    kind: material === undefined ? 'tcp' : 'tls',
    address,
    isNode: (nodeId) =>
      material === undefined ||
      namesNode((socket as TLSSocket).getPeerCertificate(), nodeId, material.clusterName, Date.now()),
  };
}
