/** Mutations of links over shared memory and libfabric: what a channel keeps, whom an upgrade trusts, when both ends agree. */
import { type Mutation, m } from './mutation.ts';

const CHANNEL = ['unit/transport/mailbox-channel'];
const SESSION = ['unit/transport/mailbox-session'];
const RDMA = ['unit/transport/rdma-upgrader'];

export const LINK_MUTATIONS: readonly Mutation[] = [
  m(
    'transport/mailbox-channel',
    'if (taken < left) {',
    'if (false) {',
    'a receiver without room loses the rest',
    CHANNEL,
  ),
  m(
    'transport/mailbox-channel',
    'if (this.#isClosed || this.#error !== 0 || this.#waitingSize > 0)',
    'if (this.#isClosed || this.#error !== 0)',
    'a burst overtakes one that the provider did not take',
    CHANNEL,
  ),
  m(
    'transport/mailbox-channel',
    'if (this.#sent - this.#released >= MAILBOX_BURSTS_MAX)',
    'if (false)',
    'sizes in flight are overwritten: ring bytes are freed under the card',
    CHANNEL,
  ),
  m(
    'transport/mailbox-channel',
    'if (nowMs - this.#movedMs > FABRIC_SILENT_MS_MAX)',
    'if (false)',
    'a peer that is gone is never noticed where the provider is silent',
    CHANNEL,
  ),
  m(
    'transport/mailbox-channel',
    'if (length < FRAME_ALIGNMENT || length % FRAME_ALIGNMENT !== 0) {',
    'if (false) {',
    'a burst that holds no whole frames is handed over',
    CHANNEL,
  ),
  m(
    'transport/mailbox-session',
    'if (!this.#link.isDialer && !attempt.isPeerReady)',
    'if (false)',
    'an acceptor sends before the dialler takes',
    SESSION,
  ),
  m(
    'transport/mailbox-session',
    "this.#drop('replaced', 'by a new offer');",
    '',
    'old links stay beside new ones (S24)',
    SESSION,
  ),
  m(
    'transport/mailbox-session',
    'return this.#mechanism.context().every((byte, index) => bytes[HEADER_BYTES + index] === byte);',
    'return true;',
    'another host or provider is taken for the own one',
    SESSION,
  ),
  m(
    'transport/rdma-upgrader',
    'if (!link.isAuthenticated && !isLoopback(link.remoteAddress) && !isInsecureAllowed)',
    'if (false)',
    'RDMA with a peer that proved nothing',
    RDMA,
  ),
  m(
    'transport/rdma-upgrader',
    'if (!isForSameHost && isThisHost(link.remoteAddress))',
    'if (false)',
    'shared memory and RDMA upgrade the same link',
    RDMA,
  ),
];
