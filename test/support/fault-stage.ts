/** Three nodes in processes of their own, every link through a fault proxy, under clients: what a test of faults plays on. */
import * as assert from 'uvu/assert';
import { FaultMesh } from './fault-proxy.ts';
import { Clients, NodeCluster } from './node-cluster.ts';

/** Over shared memory the nodes would pass the proxies by. */
const OPTIONS = { shards: 1, workers: 1, machine: 'kv', transport: 'tcp' as const };

export interface Stage {
  cluster: NodeCluster;
  mesh: FaultMesh;
  clients: Clients;
  /** Index of the node that leads. */
  leader(): Promise<number>;
}

/** Plays, heals, and judges the history. */
export async function onStage(play: (stage: Stage) => Promise<void>): Promise<void> {
  let mesh: FaultMesh | undefined;
  const cluster = await NodeCluster.make(3, OPTIONS, async (listen) => {
    mesh = await FaultMesh.open(listen);
    const made = mesh;
    return listen.map((own, from) => listen.map((_, to) => (from === to ? own : made.port(from, to))));
  });
  try {
    await cluster.startAll(true);
    const clients = new Clients(cluster, 3);
    clients.start(6);
    await clients.progress(20);
    await play({ cluster, mesh: mesh as FaultMesh, clients, leader: () => cluster.leaderOf(0, 0) });
    mesh?.heal();
    await clients.progress(40);
    await clients.stop();
    assert.equal(clients.violations(), []);
  } finally {
    await cluster.close();
    await mesh?.close();
  }
}
