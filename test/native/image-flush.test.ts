/** The addon's flushing of images: everything is written, also beside a busy log. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadNative } from '../../src/native-binding.ts';
import { loadDouble } from './double.ts';
import { LogBench, nativeVariants, type Variant } from './log-bench.ts';

const SIZE = 3_000_001;
const { ENOENT } = constants.errno;
const test = suite('native/image-flush');
let directory = '';

test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-image-'));
});

test.after.each(() => {
  rmSync(directory, { recursive: true });
});

const binding = loadNative('auto').binding;
const double = loadDouble();

if (binding !== undefined) {
  test('an image is written in parts, urgent or not; a file that is not there is -ENOENT', () => {
    const file = join(directory, 'image');
    writeFileSync(file, new Uint8Array(SIZE));
    assert.is(binding.imageBegin(file, 0, SIZE), 0);
    assert.is(binding.imageFlush(file, 0, 1_000_003, false), 0);
    assert.is(binding.imageFlush(file, 1_000_003, SIZE, true), 0);
    assert.is(binding.imageFlush(file, SIZE, SIZE, false), 0);
    assert.is(binding.imageFlush(join(directory, 'none'), 0, 1, false), -ENOENT);
  });
}

if (double !== undefined) {
  test('it ends while a write of a log is under way and does not', () => {
    const [variant] = nativeVariants(double) as [Variant];
    const log = new LogBench(double, variant);
    const file = join(directory, 'image');
    writeFileSync(file, new Uint8Array(SIZE));
    log.medium.mediumHold(1);
    log.submit(1);
    log.waitHeld(1);
    assert.is(double.imageBegin(file, 0, SIZE), 0);
    assert.is(double.imageFlush(file, 0, SIZE, false), 0);
    log.medium.mediumLetGo();
    log.waitDurable(1);
    log.end();
  });
}

test.run();
