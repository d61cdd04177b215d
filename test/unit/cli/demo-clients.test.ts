import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Histogram } from '../../../src/base/histogram.ts';
import { type ClientCluster, makeClients } from '../../../src/cli/demo-clients.ts';
import { parseDemoOptions } from '../../../src/cli/demo-options.ts';

/** Lanes that take everything and answer nothing. */
function makeCluster(highest: number): ClientCluster {
  const memory = new Uint8Array(4096);
  return {
    shardOf: (key) => Number(key.at(-1)) % 3,
    highestClient: () => Promise.resolve(highest),
    openLane: (shard) =>
      Promise.resolve({
        memory,
        words: new Int32Array(memory.buffer),
        shard,
        claim: () => 64,
        publish() {},
        poll: () => 0,
        wait: () => Promise.resolve(),
      }),
  };
}

const options = parseDemoOptions(['--shards', '3', '--in-flight', '10', '--keys', '30']);

const test = suite('demo clients');

test('one client per shard, with numbers above those of earlier runs', async () => {
  const clients = await makeClients(makeCluster(41), options, new Histogram());
  assert.equal(
    clients.map(({ id, shard }) => [id, shard]),
    [
      [42, 0],
      [43, 1],
      [44, 2],
    ],
  );
});

test('the commands in flight are shared out to the last one', async () => {
  const clients = await makeClients(makeCluster(0), options, new Histogram());
  assert.equal(
    clients.map((client) => client.fill(1000)),
    [4, 3, 3],
  );
});

test('clients of one seed issue the same, and no two clients alike', async () => {
  const digests = async (): Promise<number[]> => {
    const clients = await makeClients(makeCluster(0), options, new Histogram());
    for (const client of clients) client.fill(3);
    return clients.map(({ ledger }) => ledger.digest);
  };
  const first = await digests();
  assert.equal(await digests(), first);
  assert.is(new Set(first).size, 3);
});

test.run();
