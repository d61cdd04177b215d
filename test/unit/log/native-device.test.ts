/** The addon's devices against what every device must do; what is special to them is in native/log. */
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NativeDevice, type NativeMode } from '../../../src/log/native-device.ts';
import { loadNative } from '../../../src/native-binding.ts';
import { type DeviceUnderTest, testDevice } from '../../support/device-suite.ts';

const { binding } = loadNative('auto');
/** The code path of persistent memory runs here, too; what it stores is volatile. */
const SHARED_MEMORY = '/dev/shm';

function device(name: NativeMode, mayUseRing = true): Pick<DeviceUnderTest, 'name' | 'make'> {
  const make: DeviceUnderTest['make'] = ({ directory, chunks, block }) =>
    new NativeDevice(binding!, directory, name, true, chunks, block, mayUseRing);
  return { name, make };
}

if (binding !== undefined) {
  testDevice(device('buffered'));
  if (binding.probePath(tmpdir()).direct) {
    testDevice(device('direct'));
    testDevice({ ...device('direct', false), variant: ' by threads' });
  }
  if (binding.probePath(SHARED_MEMORY).volatile) testDevice({ ...device('dax'), parent: SHARED_MEMORY });
}

const test = suite('log/native-device');
(binding === undefined ? test.skip : test)('the addon is there to be tested', () => {
  assert.ok(binding!.abi() > 0);
});
test.run();
