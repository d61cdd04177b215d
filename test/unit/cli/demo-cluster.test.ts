import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DemoCluster } from '../../../src/cli/demo-cluster.ts';
import { parseDemoOptions } from '../../../src/cli/demo-options.ts';

const COMMANDS_MAX = 10_000;
const options = parseDemoOptions(['--shards', '3', '--durability', 'memory', '--in-flight', '48']);

const test = suite<{ cluster: DemoCluster }>('demo cluster');

test.before(async (context) => {
  context.cluster = await DemoCluster.open(options, '', COMMANDS_MAX);
});
test.after(({ cluster }) => cluster.close());

test('it tells what it runs on', ({ cluster }) => {
  assert.equal([cluster.device, cluster.durable, cluster.workers], ['memory', false, 1]);
  assert.is(cluster.leaders.length, 3);
});

test('every shard has a lane whose session is open', async ({ cluster }) => {
  for (let shard = 0; shard < 3; shard++) {
    const lane = await cluster.openLane(shard);
    assert.is(lane.shard, shard);
    const offset = lane.claim(64);
    assert.ok(offset > 0);
    lane.words.fill(0, offset >> 2, (offset >> 2) + 16);
    lane.words[offset >> 2] = 100 + shard;
    lane.words[(offset >> 2) + 2] = 1;
    lane.publish();
    while (lane.poll(() => {}, 1) === 0) await lane.wait();
  }
});

test('the highest client number of all shards is known', async ({ cluster }) => {
  assert.is(await cluster.highestClient(), 102);
});

test('ending the worker of a leader names all that it led, and the others lead on', async ({ cluster }) => {
  const before = cluster.leaders;
  const kill = cluster.killLeaderOf(1);
  assert.ok(kill !== undefined);
  assert.equal(
    kill.shards,
    [0, 1, 2].filter((shard) => before[shard] === before[1]),
  );
  await kill.gone;
  assert.is(await cluster.highestClient(), 102);
});

test('every replica reports the same, also the one that came back', async ({ cluster }) => {
  const reports = await cluster.reports();
  assert.equal(cluster.problems, []);
  assert.is(reports.length, 9);
  for (const { shard, outOfOrder, clients } of reports) {
    assert.is(outOfOrder, 0);
    assert.equal(
      clients.map(({ client, count }) => [client, count]),
      [[100 + shard, 1]],
    );
  }
});

test('without a quorum to spare nothing is killed', async () => {
  const single = await DemoCluster.open({ ...options, replicas: 1 }, '', COMMANDS_MAX);
  assert.is(single.killLeaderOf(0), undefined);
  await single.close();
});

test.run();
