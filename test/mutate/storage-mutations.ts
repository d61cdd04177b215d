/** Mutations of what the simulator's faults of media, links and members must find: damage, loss, the way back, elections in partial meshes. */
import { DEVICE_MUTATIONS } from './device-mutations.ts';
import { type Mutation, m } from './mutation.ts';

const SIM = ['sim'];

export const STORAGE_MUTATIONS: readonly Mutation[] = [
  ...DEVICE_MUTATIONS,
  m(
    'log/open-log',
    'recovery.damage !== undefined || options.isForgotten === true',
    'recovery.damage !== undefined',
    'a lost directory votes as a new one (S13)',
    SIM,
  ),
  m(
    'log/open-log',
    'cut: recovery.endPosition,\n        isForgotten,',
    'cut: recovery.endPosition,\n        isForgotten: options.isForgotten === true,',
    'damage is forgotten at the next restart (S12)',
    SIM,
  ),
  m(
    'log/recovery',
    'if (this.#floor > this.#prefixEnd)',
    'if (false)',
    'a gap below the durable floor is cut (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'else if (this.#prefixEnd !== limit) {',
    'else if (false) {',
    'an older incarnation need not be whole (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'this.#loseHeader(base, view.incarnation);',
    'break;',
    'a rotten segment header hides its segment (S11)',
    SIM,
  ),
  m(
    'log/recovery',
    'if (segments[0].header?.isForgotten === true)\n            this.#onForgotten();',
    '',
    'the mark of who forgot is not read (S12)',
    SIM,
  ),
  m(
    'log/segment-scan',
    'return crc === this.#words[index + layout.ENTRY_VALUE_CRC_WORD];',
    'return true;',
    'recovery takes a value without its checksum',
    SIM,
  ),
  m('paxos/recover', 'state.isRejoining = true;', '', 'who forgot votes at once (S12)', SIM),
  m(
    'paxos/election',
    'this.campaignAt = this.#leaderlessCommit;\n        if (state.commitWatermark >= this.campaignAt)',
    'if (state.commitWatermark >= this.#leaderlessCommit)',
    'a candidate that is behind does not plan to catch up first',
    ['unit/paxos/election'],
  ),
  m(
    'paxos/election',
    'if (message[M_COMMIT] > this.#leaderlessCommit)\n            this.#leaderlessCommit = message[M_COMMIT];',
    'if (message[M_COMMIT] > this.campaignAt)\n            this.campaignAt = message[M_COMMIT];',
    'one leaderless member is enough to disturb a leader',
    ['unit/paxos/election', 'sim/partial-meshes'],
  ),
];
