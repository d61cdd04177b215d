/** Three nodes that are cut apart: in two, one way, between one pair. Every history is linearizable. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onStage } from '../support/fault-stage.ts';

const test = suite('integration/node-partitions');

test('a leader cut off from both others is replaced, and the history holds', () =>
  onStage(async ({ mesh, clients, leader }) => {
    const cut = await leader();
    mesh.isolate(cut, 3);
    await clients.progress(40);
  }));

test('a leader that is heard and hears nothing, then one that hears and is not heard', () =>
  onStage(async ({ mesh, clients, leader }) => {
    for (const isDeaf of [true, false]) {
      const at = await leader();
      for (const other of [0, 1, 2].filter((index) => index !== at)) {
        if (isDeaf) mesh.blockOneWay(other, at);
        else mesh.blockOneWay(at, other);
      }
      await clients.progress(25);
      mesh.heal();
      await clients.progress(25);
    }
  }));

test('one link cut, both ends reach the third: writes go on', () =>
  onStage(async ({ cluster, mesh, clients, leader }) => {
    const at = await leader();
    mesh.between(at, (at + 1) % 3).block();
    await clients.progress(60);
    const { shards } = await cluster.node((at + 2) % 3).status();
    assert.ok((shards[0]?.leader ?? 0) > 0);
  }));

test.run();
