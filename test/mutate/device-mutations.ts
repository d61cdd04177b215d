/** Mutations of the log devices: what a power cut at any call, or a failing one, must find. Those of the addon are compiled anew. */
import { type Mutation, m } from './mutation.ts';

/** `file` is a path under native/src/log. */
function native(file: string, find: string, replace: string, why: string, killers: readonly string[]): Mutation {
  return { file: `../native/src/log/${file}`, find, replace, why, killers };
}

const CRASH = ['native/crash'];

export const DEVICE_MUTATIONS: readonly Mutation[] = [
  native('log.cc', '  persistFence();\n', '', 'stores count before they are fenced', CRASH),
  native(
    'segment_pool.cc',
    'O_DIRECT | O_DSYNC : 0',
    'O_DIRECT : 0',
    'direct writes count before they are flushed',
    CRASH,
  ),
  native('log.cc', 'error = flush(file.fd);', ';', 'buffered writes count before they are flushed', CRASH),
  native(
    'segment_files.cc',
    'if (error == 0) error = syncDirectory(directory_);',
    '',
    'a segment is written before its name is durable',
    CRASH,
  ),
  native(
    'segment_pool.cc',
    '(isGone || wasGone) && syncDirectory(directory_) == 0',
    '(isGone || wasGone)',
    'a retired file is written again before it has left the log',
    ['native/log'],
  ),
  native(
    'log.cc',
    'durable_ != submitted_ && submissions_[durable_ % kInFlightMax].isDone',
    'durable_ != submitted_',
    'a submission counts before those ahead of it',
    ['native/log'],
  ),
  native('log.cc', '  if (error != 0) latch(error);\n', '', 'a failed write is forgotten', ['native/faults']),
  native(
    'flush_ring.cc',
    'if (result > 0) slot.done += result;',
    'if (result > 0) slot.done = slot.run.size;',
    'half a write counts as a whole one',
    ['native/faults'],
  ),
  m(
    'log/fs-device',
    'constants.O_RDWR | constants.O_DSYNC',
    'constants.O_RDWR',
    'writes in pure Node count before they are flushed',
    CRASH,
  ),
  m(
    'log/segment-spares',
    'syncDirectory(this.#directory, this.#fs);',
    '',
    'a retired file is written again before it has left the log, in pure Node',
    ['unit/log/segment-spares'],
  ),
];
