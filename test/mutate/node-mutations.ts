/** Mutations of what nodes do for each other and what grows as it is needed: forwarding, reads of followers, leases, held sends; and what regressions hold. */
import { type Mutation, m } from './mutation.ts';

const SIM = ['sim'];

export const NODE_MUTATIONS: readonly Mutation[] = [
  m(
    'runtime/forwarder',
    '>= FORWARD_RETRY_MS',
    '>= Number.POSITIVE_INFINITY',
    'what got lost on its way to the leader is not sent again',
    ['unit/runtime/forwarder', ...SIM],
  ),
  m(
    'runtime/forwarded-runs',
    'this.#bulk.crc32c(producer.bytes, at + RUN_OFFSET, size) === crc',
    'true',
    'take a forwarded run that arrived damaged (S24)',
    ['unit/runtime/forwarded-runs'],
  ),
  m(
    'paxos/read-index',
    'if (this.#round[i] === 0 || this.#round[i] > confirmed)',
    'if (this.#round[i] === 0)',
    'tell a follower a read index before its round is confirmed (S20)',
    ['unit/paxos/read-index', 'sim'],
  ),
  m(
    'paxos/read-index',
    'if (this.#isOpen[mode] === 0 || message[M_AUX] !== this.#asked[mode])',
    'if (this.#isOpen[mode] === 0)',
    'an answer to an earlier question serves the newest one (S20)',
    ['unit/paxos/read-index', 'property'],
  ),
  m(
    'paxos/lease-promise',
    'return leaseMs * this.#stretch + ROUNDING_MS;',
    'return leaseMs;',
    'a lease too long: its promise ends with it, whatever the clocks do (S21)',
    ['unit/paxos/lease-promise'],
  ),
  m(
    'runtime/held-sends',
    'words[i] = old[(head + i) % old.length];',
    'words[i] = old[i];',
    'a queue that grows mixes up what it holds',
    ['unit/runtime/held-sends'],
  ),
  m(
    'runtime/persist-ledger',
    'ends[q & (ends.length - 1)] = this.#ends[q & this.#mask];',
    'ends[q & this.#mask] = this.#ends[q & this.#mask];',
    'a ledger that grows forgets where records end',
    ['unit/runtime/persist-ledger'],
  ),
  m('log/snapshot-format', "throw blocks.damaged('it ends too early')", 'return', 'a snapshot that is cut off (S16)', [
    'log/snapshot-format',
    ...SIM,
  ]),
  m(
    'paxos/proposer',
    'occupied > this.#ledger.end ? occupied : this.#ledger.end',
    'this.#ledger.end',
    'a slot awaited by an earlier leadership is never proposed again',
    ['property/proposer'],
  ),
  m(
    'runtime/batch-builder',
    'for (let i = 2; i < pad >> 2; i++)',
    'for (let i = 3; i < pad >> 2; i++)',
    'what stood in the memory before is chosen with the commands',
    ['batch-builder'],
  ),
];
