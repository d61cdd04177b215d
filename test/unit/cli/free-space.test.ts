import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bytesNeeded,
  commandsThatFit,
  freeDiskBytes,
  freeMemoryBytes,
  missingSpace,
} from '../../../src/cli/free-space.ts';

const DEMAND = { seconds: 10, payload: 64, replicas: 3, logsPerReplica: 1 };

const test = suite('free space');

test('the need grows with time, payload, replicas and logs', () => {
  const need = bytesNeeded(DEMAND);
  assert.ok(need > 3 * 10 * 1e6 * 64);
  for (const change of [{ seconds: 11 }, { payload: 65 }, { replicas: 5 }, { logsPerReplica: 2 }]) {
    assert.ok(bytesNeeded({ ...DEMAND, ...change }) > need, JSON.stringify(change));
  }
});

test('the commands that were asked for fit what was asked for', () => {
  const commands = commandsThatFit(bytesNeeded(DEMAND), DEMAND);
  assert.is(commands, 10_000_000);
  assert.ok(commands * 64 * 3 < bytesNeeded(DEMAND));
});

test('large commands are bounded by what disks can write', () => {
  const demand = { ...DEMAND, payload: 1 << 20 };
  assert.ok(bytesNeeded(demand) < 20e9);
  assert.ok(bytesNeeded(demand) > 10e9);
});

test('no command fits where the segments made ahead do not', () => {
  assert.is(commandsThatFit(1000, DEMAND), 0);
});

test('what is missing is told with both sizes and the place', () => {
  assert.is(missingSpace(100, 100, './x'), undefined);
  assert.match(missingSpace(2e9, 1e9, './x') as string, /2\.00 GB, \.\/x has 1\.00 GB free/);
});

test('free space is found for a folder that does not exist yet', async () => {
  assert.ok((await freeDiskBytes('./not/there/yet')) > 0);
  assert.ok(freeMemoryBytes() > 0);
});

test.run();
