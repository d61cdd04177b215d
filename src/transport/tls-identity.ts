/**
 * Who a certificate names. A node's certificate carries the DNS name `synod-node-<id>`, or `synod-node-<id>.<cluster name>`, as a
 * subject alternative name: the id is bound to the key by an authority that signs for this cluster alone. Host names are not looked
 * at: nodes move, identities do not.
 */
import type { PeerCertificate } from 'node:tls';

/** The name that the certificate of a node carries. */
export function nodeName(nodeId: number, clusterName: string): string {
  return clusterName === '' ? `synod-node-${nodeId}` : `synod-node-${nodeId}.${clusterName}`;
}

/** True for a certificate that names the node and is valid at `nowMs`, a wall clock's time. */
export function namesNode(
  certificate: Pick<PeerCertificate, 'subjectaltname' | 'valid_from' | 'valid_to'> | undefined,
  nodeId: number,
  clusterName: string,
  nowMs: number,
): boolean {
  if (certificate?.subjectaltname === undefined) return false;
  if (!(Date.parse(certificate.valid_from) <= nowMs && nowMs <= Date.parse(certificate.valid_to))) return false;
  const wanted = `DNS:${nodeName(nodeId, clusterName)}`;
  // A name with a comma or a quote is printed quoted, and so never equals one of ours.
  return certificate.subjectaltname.split(', ').includes(wanted);
}
