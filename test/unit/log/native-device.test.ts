/** The addon's devices against what every device must do; what is special to them is in native/log. */
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NativeDevice } from '../../../src/log/native-device.ts';
import { loadNative } from '../../../src/native-binding.ts';
import { testDevice } from '../../support/device-suite.ts';

const { binding } = loadNative('auto');
const modes = (['direct', 'buffered'] as const).filter(
  (mode) => binding !== undefined && (mode === 'buffered' || binding.probePath(tmpdir()).direct),
);
for (const mode of modes) {
  testDevice(mode, ({ directory, chunks, block }) => new NativeDevice(binding!, directory, mode, true, chunks, block));
}

const test = suite('log/native-device');
(binding === undefined ? test.skip : test)('the addon is there to be tested', () => {
  assert.ok(modes.includes('buffered'));
});
test.run();
