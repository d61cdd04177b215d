/**
 * The client endpoint that a node's settings ask for. Its certificates are the node's own, read again when a file changes.
 */
import { isLoopback, type NodeConfig } from '../config.ts';
import { TlsMaterial } from '../transport/tls-material.ts';
import { ClientEndpoint } from './client-endpoint.ts';
import type { ClientTarget } from './client-target.ts';

const CERTIFICATES_CHECK_MS = 2000;

export interface NodeEndpoint {
  readonly url: string;
  /** Reads the certificate files again now. */
  reloadTls(): Promise<void>;
  close(withinMs: number): Promise<void>;
}

/** Undefined where none is asked for. Plain on loopback; elsewhere with certificates, unless `client.insecure` goes without. */
export async function openNodeEndpoint(
  target: ClientTarget,
  config: NodeConfig,
  warn: (text: string) => void,
): Promise<NodeEndpoint | undefined> {
  const { client, payloadBytesMax, timeoutMs } = config;
  const { listen, insecure } = client;
  if (listen === undefined) return undefined;
  const material = isLoopback(listen.host) ? undefined : await loadMaterial(config);
  const tls = material?.options;
  const endpoint = await ClientEndpoint.open({ target, listen, payloadBytesMax, timeoutMs, insecure, tls });
  const reload = async (): Promise<void> => {
    await material?.reload();
    if (material !== undefined) endpoint.renewTls(material.options);
  };
  const check = async (): Promise<void> => {
    try {
      if (await material?.hasChanged()) await reload();
    } catch (error) {
      warn(`client endpoint: the certificates stay as they were: ${String(error)}`);
    }
  };
  const timer = setInterval(() => void check(), CERTIFICATES_CHECK_MS).unref();
  return {
    url: endpoint.url,
    reloadTls: reload,
    close(withinMs) {
      clearInterval(timer);
      return endpoint.close(withinMs);
    },
  };
}

async function loadMaterial({ tls, cluster }: NodeConfig): Promise<TlsMaterial | undefined> {
  if (tls === undefined) return undefined;
  const { ca, cert, key, revoked = '' } = tls;
  return await TlsMaterial.load({ ca, certificate: cert, key, revoked, clusterName: cluster });
}
