/** In the guest: the conformance suite of log devices over persistent memory. Argument: a directory on ext4 with -o dax. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NativeDevice } from '../../src/log/native-device.ts';
import { loadNative } from '../../src/native-binding.ts';
import { testDevice } from '../support/device-suite.ts';

const directory = process.argv[2] as string;
const { binding } = loadNative('required');
const test = suite('dax');

test('the path maps with MAP_SYNC and is no volatile file system', () => {
  const probe = binding?.probePath(directory);
  assert.is(probe?.dax, true);
  assert.is(probe?.volatile, false);
});

test.run();
testDevice({
  name: 'dax',
  variant: ' on an NVDIMM',
  parent: directory,
  make: ({ directory: path, chunks, block }) => new NativeDevice(binding!, path, 'dax', true, chunks, block),
});
