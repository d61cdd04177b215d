/** Mistakes with leases, read indexes and sessions. */
import { type Mutation, m } from './mutation.ts';

export const READ_MUTATIONS: readonly Mutation[] = [
  m('paxos/lease', '- this.#terms.leaseMs;', '- 2 * this.#terms.leaseMs;', 'a lease too long', [
    'unit/paxos/lease',
    'property/lease',
  ]),
  m(
    'paxos/lease-promise',
    'return leaseMs * this.#stretch + ROUNDING_MS;',
    'return leaseMs;',
    'the drift of the clocks is forgotten',
    ['unit/paxos/lease-promise', 'property/lease'],
  ),
  m(
    'runtime/group-driver',
    'checkLease() {\n        this.readClock();',
    'checkLease() {',
    'no look at the clock after the query',
    ['unit/runtime/group-driver'],
  ),
  m(
    'runtime/read-queue',
    'if (this.#waits === FOR_LEASE && !this.#driver.checkLease()) {',
    'if (false) {',
    'a lease is not looked at after the query',
    ['unit/runtime/read-queue'],
  ),
  m('runtime/group-driver', 'this.replica.recovered();', '', 'a restarted acceptor promises at once', [
    'unit/runtime/group-driver',
  ]),
  m('paxos/lease', 'this.#isRevoked = true;', '', 'a transfer does not give the lease up', ['unit/paxos/lease']),
  m(
    'paxos/quorum',
    'return popcount(members) + this.prepareQuorum > this.memberCount;',
    'return popcount(members) + this.prepareQuorum >= this.memberCount;',
    'grants that a prepare quorum can do without',
    ['unit/paxos/lease', 'property/lease'],
  ),
  m(
    'paxos/read-index',
    'this.#isWanted[mode] = 1;\n            return this.#asked[mode] + 1;',
    'return this.#asked[mode];',
    'a later read takes the answer to an earlier question',
    ['unit/paxos/read-index', 'property/lease'],
  ),
  m(
    'runtime/session-table',
    'this.#nameAnew(index);\n        this.#setAttempt(index, attemptLow, attemptHigh);',
    'this.#setAttempt(index, attemptLow, attemptHigh);',
    'an earlier life may go on with a resumed session',
    ['unit/runtime/session-table', 'property/session'],
  ),
];
