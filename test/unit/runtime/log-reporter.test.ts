/** What status and operator hear of a log. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_FAILED, LOG_FULL, LOG_SLOW, LOG_SOUND } from '../../../src/memory/descriptor.ts';
import { createStatusBlock, StatusReader, StatusWriter } from '../../../src/memory/status-block.ts';
import { LogReporter } from '../../../src/runtime/log-reporter.ts';

const test = suite('runtime/log-reporter');

test('every state stands in the status of each group, and is told once, with the log it is about', () => {
  const blocks = [createStatusBlock(), createStatusBlock()];
  const said: string[] = [];
  const reporter = new LogReporter(
    blocks.map((block) => new StatusWriter(block)),
    'replica 1 (/data/log-0)',
    10,
    (text) => said.push(text),
  );
  for (const state of [LOG_FULL, LOG_SLOW, LOG_FAILED, LOG_SOUND]) {
    reporter.onState(state);
    for (const block of blocks) assert.is(new StatusReader(block).logState, state);
  }
  reporter.onFlush(7);
  for (const block of blocks) assert.is(new StatusReader(block).flushMs, 70);
  assert.is(said.length, 4);
  for (const text of said) assert.match(text, 'replica 1 (/data/log-0)');
  for (const [index, word] of ['no space', 'slower', 'failed', 'sound again'].entries())
    assert.match(said[index]!, word);
  new StatusWriter(blocks[0]!).clear();
  assert.is(new StatusReader(blocks[0]!).logState, LOG_SOUND);
});

test.run();
