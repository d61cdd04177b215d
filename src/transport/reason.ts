/**
 * Why a connection was refused, cut off or lost. The codes travel in hellos and goodbyes and stand in the link status block, so a
 * code is never given a new meaning; the words are for people.
 */

export const REASONS = {
  /** The peer closed the connection without a word, or the network did. */
  closed: { code: 1, text: 'the connection was closed', isHostile: false },
  /** Nothing was heard for the idle time: half open, paused or cut off one way. */
  silent: { code: 2, text: 'nothing was heard for too long', isHostile: false },
  /** A node stops, or replaces the connection by a newer one. */
  stopping: { code: 3, text: 'the node is stopping', isHostile: false },
  replaced: { code: 4, text: 'a newer connection took its place', isHostile: false },
  /** Certificates were read again: every peer proves itself anew. */
  reloaded: { code: 5, text: 'certificates were read again', isHostile: false },
  unreachable: { code: 6, text: 'the address could not be reached', isHostile: false },
  /** Hello. */
  slow: { code: 10, text: 'the handshake was not finished in time', isHostile: true },
  notSynod: { code: 11, text: 'what arrived is not the protocol of this library', isHostile: true },
  wireVersion: { code: 12, text: 'the wire versions differ', isHostile: false },
  wrongCluster: { code: 13, text: 'it belongs to another cluster', isHostile: true },
  notMember: { code: 14, text: 'the node id is no member of this cluster', isHostile: true },
  wrongReceiver: { code: 15, text: 'another node was meant', isHostile: true },
  wrongIncarnation: { code: 16, text: 'its directory is not the one that the configuration names', isHostile: true },
  oldBoot: {
    code: 17,
    text: 'its boot counter is lower than one seen before: an old copy of a directory',
    isHostile: true,
  },
  shards: { code: 18, text: 'the shard counts differ', isHostile: false },
  tooMany: { code: 19, text: 'too many connections wait for their handshake', isHostile: true },
  plainText: { code: 20, text: 'plain text to or from another machine', isHostile: true },
  certificate: { code: 21, text: 'the certificate is missing, not valid, or names another node', isHostile: true },
  /** Bursts. */
  malformed: { code: 30, text: 'a burst or frame makes no sense', isHostile: true },
  tooLong: { code: 31, text: 'a length beyond its limit', isHostile: true },
  checksum: { code: 32, text: 'a checksum does not match', isHostile: true },
  wrongLink: { code: 33, text: 'a burst of another connection', isHostile: true },
  wrongSequence: { code: 34, text: 'a burst is missing or came twice', isHostile: true },
} as const;

export type Reason = keyof typeof REASONS;

const BY_CODE = new Map<number, Reason>(
  (Object.keys(REASONS) as Reason[]).map((reason) => [REASONS[reason].code, reason]),
);

/** The reason that a peer names; one that this version does not know counts as `closed`. */
export function reasonOf(code: number): Reason {
  return BY_CODE.get(code) ?? 'closed';
}
