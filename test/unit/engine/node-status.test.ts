/** A node's status names nodes by id, and says of every link how it is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LinkStatusWriter } from '../../../src/transport/link-status.ts';
import { FakeNode } from './fake-node.ts';

const test = suite('node-status');

test('shards, workers and links', async () => {
  const { node, memory, statuses } = new FakeNode();
  new LinkStatusWriter(memory.linkStatus, 2).setUp('tls', 9);
  statuses[1]!.setCommit(12);
  const status = node.status();
  assert.is(status.id, 20);
  assert.equal(status.listen, { host: '127.0.0.1', port: 7002 });
  assert.equal(
    status.links.map(({ node: id, state, transport }) => [id, state, transport]),
    [
      [10, 'down', 'none'],
      [30, 'up', 'tls'],
    ],
  );
  assert.is(status.shards[1]!.commitWatermark, 12);
  assert.is(status.shards[1]!.leader, 0);
  assert.is(status.workers.length, 1);
  await node.close();
});

test.run();
