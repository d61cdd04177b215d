/** The device in pure Node against what every device must do. */
import { FsDevice } from '../../../src/log/fs-device.ts';
import { testDevice } from '../../support/device-suite.ts';

testDevice({ name: 'fs', make: ({ directory, chunks }) => new FsDevice(directory, chunks, true) });
