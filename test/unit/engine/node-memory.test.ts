/** Every worker and every peer of a node has rings of its own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { validateNodeOptions } from '../../../src/config.ts';
import { NodeMemory } from '../../../src/engine/node-memory.ts';
import { WORKER_WORDS } from '../../../src/memory/descriptor.ts';

const test = suite('node-memory');

test('a link for each other member and worker, and no ring twice', () => {
  const config = validateNodeOptions({ id: 2, members: '1@:7001,2@:7002,3@:7003', directory: '/d', shards: 3 });
  const memory = new NodeMemory(config, { logs: 3, workers: 2 }, 1);
  assert.equal(
    memory.links.map((links) => links.map(({ memberIndex }) => memberIndex)),
    [
      [0, 2],
      [0, 2],
    ],
  );
  const rings = memory.links
    .flat()
    .flatMap((link) => [link.outboundBulk, link.outboundControl, link.inboundBulk, link.inboundControl]);
  assert.is(new Set(rings).size, 16);
  assert.is(memory.status.length, 3);
  assert.equal(
    memory.workers.map(({ logs }) => logs.map(({ logNumber }) => logNumber)),
    [[0, 2], [1]],
  );
  assert.is(memory.transportBlock.byteLength, WORKER_WORDS * 4);
});

test.run();
