/** The kernel's lock on a log's directory: across processes, and gone with a process that was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadNative } from '../../src/native-binding.ts';

const test = suite('native directory lock');
const { binding } = loadNative('auto');

if (binding !== undefined) {
  test('a directory whose log another process has open is refused until that process is gone, however it went', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'synod-native-lock-'));
    const program = `
      const { loadNative } = await import(${JSON.stringify(new URL('../../src/native-binding.js', import.meta.url).href)});
      process.stdout.write(String(loadNative('required').binding.logOpen(process.argv[1], 'buffered', false)));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, directory]);
    const [handle] = await once(child.stdout, 'data');
    assert.ok(Number(handle) > 0);
    assert.is(binding.logOpen(directory, 'buffered', false), -constants.errno.EBUSY);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const mine = binding.logOpen(directory, 'buffered', false);
    assert.ok(mine > 0);
    assert.is(binding.logOpen(directory, 'buffered', false), -constants.errno.EBUSY, 'in one process, too');
    binding.logClose(mine);
    rmSync(directory, { recursive: true });
  });
}

test.run();
