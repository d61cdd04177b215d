/**
 * The client endpoint that a node's settings ask for.
 */
import { readFileSync } from 'node:fs';
import { SynodError } from '../base/errors.ts';
import { isLoopback, type NodeConfig } from '../config.ts';
import { ClientEndpoint, type TlsMaterial } from './client-endpoint.ts';
import type { ClientTarget } from './client-target.ts';

/** Undefined where none is asked for. Beyond loopback with the node's own certificates, if it has any. */
export async function openNodeEndpoint(target: ClientTarget, config: NodeConfig): Promise<ClientEndpoint | undefined> {
  const { client, tls, payloadBytesMax, timeoutMs } = config;
  if (client.listen === undefined) return undefined;
  const isSecret = tls !== undefined && !isLoopback(client.listen.host);
  return await ClientEndpoint.open({
    target,
    listen: client.listen,
    payloadBytesMax,
    timeoutMs,
    tls: isSecret ? readTls(tls) : undefined,
    insecure: client.insecure,
  });
}

function readTls({ ca, cert, key }: { ca: string; cert: string; key: string }): TlsMaterial {
  return { ca: readPem('tls.ca', ca), cert: readPem('tls.cert', cert), key: readPem('tls.key', key) };
}

function readPem(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new SynodError('ERR_SYNOD_CONFIG', `${name}: ${path} cannot be read (${why}).`, { cause });
  }
}
