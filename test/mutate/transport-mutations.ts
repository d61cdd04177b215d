/** Mutations of the connections between nodes: who is let in, what is believed, when bytes are given back. */
import { type Mutation, m } from './mutation.ts';

export const TRANSPORT_MUTATIONS: readonly Mutation[] = [
  m(
    'transport/burst-reader',
    'this.#bulk.crc32c(this.body, 0, length) === this.header.bodyCrc',
    'true',
    'a body is believed without its checksum',
    ['burst-reader'],
  ),
  m('transport/burst', 'if (length > burstBytesMax(this.lane))', 'if (false)', 'a length without limit', [
    'transport/burst.',
  ]),
  m(
    'transport/burst',
    'if (words[SEQUENCE_WORD] !== this.sequence)',
    'if (false)',
    'a burst may come twice or be missing',
    ['transport/burst.'],
  ),
  m(
    'transport/burst',
    'if (words[LINK_WORD] !== this.link)',
    'if (false)',
    'bursts of another connection count (S24)',
    ['transport/burst.'],
  ),
  m('transport/hello', 'if (hello.clusterId !== self.clusterId)', 'if (false)', 'any cluster is ours', [
    'transport/hello',
  ]),
  m('transport/hello', 'if (hello.bootCounter < expected.bootCounter)', 'if (false)', 'an old copy is welcome (S13)', [
    'transport/hello',
  ]),
  m(
    'transport/link-manager',
    'Math.max(member.bootCounter, bootCounter)',
    'bootCounter - bootCounter',
    'the highest boot counter is not kept (S13)',
    ['link-manager'],
  ),
  m('transport/handshake', '!this.line.isNode(hello.nodeId)', 'false', 'a certificate of one node serves another', [
    'transport/handshake',
  ]),
  m(
    'transport/tls-identity',
    "split(', ').includes(wanted)",
    "split(', ').some((name) => name.startsWith(wanted))",
    'node 31 passes for node 3',
    ['tls-identity'],
  ),
  m('wire/frame-check', '(type & 0xff) !== from || ', '', 'a member speaks for others', ['frame-check']),
  m(
    'transport/lane-pump',
    'if (channel !== this.#channel) {\n            if (this.#flights.length > 0)\n                return 0;',
    'if (channel !== this.#channel) {',
    'a lane changes its channel while the old one still reads the ring',
    ['lane-pump'],
  ),
  m(
    'transport/lane-pump',
    'release(channel, size) {\n        if (channel !== this.#channel)\n            return;',
    'release(channel, size) {',
    'a dead channel frees what the living one still reads',
    ['lane-pump'],
  ),
  m(
    'memory/ring-range',
    'this.cursor = (this.cursor + size) | 0;\n        return size;',
    'this.cursor = (this.cursor + size) | 0;\n        Atomics.store(this.words, RING_HEAD_WORD, this.cursor);\n        return size;',
    'bytes are given back when they are read, not when they were sent',
    ['ring-range'],
  ),
  m(
    'transport/socket-channel',
    'if (this.#bytesInFlight === 0 && this.#stream.writable',
    'if (this.#stream.writable',
    'ring bytes leave after they were given back',
    ['socket-channel'],
  ),
  m(
    'transport/memory-transport',
    'if (link === undefined || !link.isUp())',
    'if (link === undefined)',
    'frames wait for a link that is down (S24)',
    ['memory-transport'],
  ),
  m(
    'transport/frame-router',
    'if (now - target.fullSinceMs < (lane === LANE_CONTROL ? STALL_CONTROL_MS : STALL_BULK_MS))\n            return false;',
    '',
    'a full ring drops at once',
    ['frame-router'],
  ),
  m('transport/frame-router', 'target.fullSinceMs = -1;', '', 'a worker that was full once has no patience left', [
    'frame-router',
  ]),
];
