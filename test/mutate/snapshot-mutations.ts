/** Mutations of snapshots: the view of the kv machine, the format, taking, sending, receiving, and what is given up behind them. */
import { type Mutation, m } from './mutation.ts';

const MACHINES = ['property/machine-snapshots', 'unit/machines'];

export const SNAPSHOT_MUTATIONS: readonly Mutation[] = [
  m(
    'machines/kv-arena',
    'this.keep(released, 1 << sizeClass);',
    '',
    'a block that is used again is lost to the image (S16)',
    MACHINES,
  ),
  m('machines/kv-arena', 'this.keep(block, FIRST_BLOCK);', '', 'a released block is lost to the image (S16)', MACHINES),
  m(
    'machines/kv-store',
    'this.#frozen.keep(this.#table, 2 * slot, 2);',
    '{ }',
    'a table slot that changes is lost to the image (S16)',
    MACHINES,
  ),
  m('runtime/snapshot-taker', 'this.releasable = 0;', '', 'the log is given up to a damaged snapshot (S16)', [
    'unit/runtime/group-snapshots',
  ]),
  m('machines/frozen-words', 'this.#restore(from);', '', 'an image of words as they are by now (S16)', MACHINES),
  m(
    'runtime/session-table',
    'if (this.#frozen !== undefined)\n            this.#keep(index);',
    '',
    'replies of later commands in the image (S16)',
    ['unit/runtime/session-table'],
  ),
  m(
    'log/snapshot-format',
    'blockCrc(this.#crc, this.#bytes, this.#at, this.#size, this.#chained)',
    'blockCrc(this.#crc, this.#bytes, this.#at, this.#size, this.#word(3) === 0 ? 0 : 0)',
    'checksums of blocks that stand alone',
    ['unit/log/snapshot-format'],
  ),
  m('runtime/snapshot-receiver', 'target.size + length > size', 'false', 'a part beyond the end of its snapshot', [
    'unit/runtime/snapshot-receiver',
  ]),
  m(
    'runtime/snapshot-sender',
    'if (this.#checks.has(watermark))\n            return;\n        const opened',
    'const opened',
    'a doubted snapshot is served while it is checked',
    ['unit/runtime/snapshot-sender'],
  ),
  m(
    'runtime/group-snapshots',
    'isHeld ? Math.min(this.taker.releasable, needed) : this.taker.releasable',
    'this.taker.releasable',
    'the log goes though a live member needs it',
    ['unit/runtime/group-snapshots'],
  ),
  m(
    'runtime/group-snapshots',
    'const isHeld = position - this.#heldFrom < bound;',
    'const isHeld = true;',
    'a member that lags holds the log for ever',
    ['unit/runtime/group-snapshots'],
  ),
  m(
    'paxos/catch-up',
    'isAlive && commit >= state.truncationPoint',
    'commit >= state.truncationPoint',
    'a dead member holds the log',
    ['unit/runtime/group-snapshots'],
  ),
  m(
    'runtime/snapshot-taker',
    'this.releasable = kept[0];',
    'this.releasable = target.watermark;',
    'truncate behind the newest snapshot only (S16)',
    ['unit/runtime/snapshot-taker'],
  ),
  m('paxos/catch-up', 'words[at + A_SLOT] = state.truncationPoint;', '', 'a mark without its truncation point (S16)', [
    'unit/paxos/catch-up',
  ]),
  m('runtime/snapshot-receiver', 'message[M_AUX] !== target.size', 'false', 'take parts of a snapshot in any order', [
    'unit/runtime/snapshot-receiver',
  ]),
  m(
    'runtime/group-driver',
    'this.#drain();\n            this.mark();',
    'this.#drain();',
    'install a snapshot without a mark (S16)',
    ['unit/runtime/snapshot-receiver'],
  ),
  m(
    'runtime/group-snapshots',
    'if (driver.applier.isRestoring)',
    'if (false)',
    'apply the log to what a damaged snapshot left in the machine (S16)',
    ['unit/runtime/group-snapshots'],
  ),
  m(
    'runtime/group-driver',
    'state.hasState ? this.replica.commitWatermark : 0',
    'state.lacksImage ? 0 : this.replica.commitWatermark',
    'apply while an image is put in place (V6)',
    ['unit/runtime/snapshot-receiver'],
  ),
  m(
    'runtime/applier',
    'yield* this.#sessions.restore(image);',
    'this.digest = head[1];\n        yield* this.#sessions.restore(image);',
    'tell the digest of an image before its watermark (V6)',
    ['unit/runtime/applier'],
  ),
  m(
    'runtime/read-queue',
    'if (!this.#driver.replica.state.hasState)',
    'if (false)',
    'answer reads while an image is put in place (V6)',
    ['unit/runtime/read-queue'],
  ),
  m(
    'runtime/group-host',
    '!state.hasState || (isLeader && applied < recoveryEnd)',
    'isLeader && applied < recoveryEnd',
    'complete commands from sessions that are half restored (V6)',
    ['unit/runtime/group-host'],
  ),
  m(
    'paxos/election',
    'state.role === FOLLOWER && state.hasState',
    'state.role === FOLLOWER',
    'stand for leader without a state',
    ['unit/paxos/election'],
  ),
  m(
    'log/snapshot-files',
    'if (this.#state === SNAPSHOT_FAILED)\n            return;',
    '',
    'publish what a failed flush did not bring to the medium (S16)',
    ['unit/log/snapshot-files'],
  ),
  m(
    'log/snapshot-files',
    'this.#state = SNAPSHOT_PUBLISHING;\n        if (this.#flushes === 0)',
    'this.#state = SNAPSHOT_PUBLISHING;\n        if (true)',
    'name a snapshot before its flushes were answered (S16)',
    ['unit/log/snapshot-files'],
  ),
  m(
    'runtime/group-snapshots',
    "code === 'ERR_SYNOD_SNAPSHOT_DAMAGED' || code === 'EIO'",
    'true',
    'throw away a snapshot that the machine refuses (S16)',
    ['unit/runtime/group-snapshots'],
  ),
];
