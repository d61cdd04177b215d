/** What a failed call on the medium means. */
import { constants } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceError, errnoOf, isTransient } from '../../../src/log/device-failure.ts';

const { EBUSY, EDQUOT, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC } = constants.errno;

const test = suite('log/device-failure');

test('only what leaves the written bytes out of doubt is transient', () => {
  for (const errno of [ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE]) assert.ok(isTransient(errno), String(errno));
  for (const errno of [EIO, EBUSY, constants.errno.EROFS, 0]) assert.not(isTransient(errno), String(errno));
});

test('errnos are positive; what has none counts as a failed medium', () => {
  assert.is(errnoOf(Object.assign(new Error(), { errno: -ENOSPC })), ENOSPC);
  assert.is(errnoOf(new TypeError()), EIO);
});

test('each failure has its code, names the directory, and keeps its cause', () => {
  const cause = new Error();
  const code = (errno: number) => deviceError('/d', 'open', errno, cause).code;
  assert.is(code(EBUSY), 'ERR_SYNOD_DIRECTORY_LOCKED');
  assert.is(code(ENOSPC), 'ERR_SYNOD_DISK_FULL');
  assert.is(code(EDQUOT), 'ERR_SYNOD_DISK_FULL');
  assert.is(code(EIO), 'ERR_SYNOD_LOG_FAILED');
  assert.match(deviceError('/d', 'open', EIO).message, /^\/d: cannot open the log \(errno 5\)/);
  assert.is(deviceError('/d', 'open', EIO, cause).cause, cause);
});

test.run();
