/** Lines of a worker block that depend on how many logs the worker hosts. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  durableWordOf,
  LINE_WORDS,
  logErrorWordOf,
  WORKER_DURABLE_WORD,
  WORKER_LOG_ERROR_WORD,
  WORKER_WORDS,
  workerWords,
} from '../../../src/memory/descriptor.ts';

const test = suite('memory/descriptor');

test('the first log has the line that a worker of one log always had', () => {
  assert.is(workerWords(1), WORKER_WORDS);
  assert.is(durableWordOf(0), WORKER_DURABLE_WORD);
  assert.is(logErrorWordOf(0), WORKER_LOG_ERROR_WORD);
});

test('every further log has a line of its own, behind all others and within the block', () => {
  for (const logs of [2, 3, 64]) {
    const words = Array.from({ length: logs }, (_, index) => [durableWordOf(index), logErrorWordOf(index)]).flat();
    assert.is(new Set(words).size, 2 * logs);
    assert.ok(Math.max(...words) < workerWords(logs));
    for (const word of words.slice(2)) assert.ok(word >= WORKER_WORDS);
    const lines = new Set(words.map((word) => Math.floor(word / LINE_WORDS)));
    assert.is(lines.size, logs, 'flushers of two logs never write the same line');
  }
});

test.run();
