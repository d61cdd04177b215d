/**
 * Three nodes in three processes over loopback: one in this process, which takes the load, the others in children.
 *
 *   this process: node 1, lanes, promises ══ tcp or tls ══ node 2, node 3
 */
import { join } from 'node:path';
import { type CertificateFiles, makeCertificates } from '../src/cli/cert.ts';
import { groupOfKey } from '../src/engine/placement.ts';
import { type Node, type NodeOptions, openNode } from '../src/index.ts';
import { freePorts, NodeProcess } from '../test/support/node-process.ts';
import { CommandTable, type PromiseCommands } from './command-table.ts';
import type { Settings } from './flags.ts';

const NODES = 3;
const CLUSTER = 'bench';
const LANE_BYTES = 1 << 22;
const START_MS_MAX = 30_000;

export interface NodesPlan {
  settings: Settings;
  directory: string;
  durability: string;
  /** Who leads all shards: the node under load, or the others. */
  leader: 'here' | 'elsewhere';
  options: NodeOptions;
  /** Certificates are made for the case. */
  isSecret?: boolean;
}

export class NodesUnderLoad {
  readonly node: Node;
  readonly tables: readonly CommandTable[];
  readonly #others: readonly NodeProcess[];

  private constructor(node: Node, others: readonly NodeProcess[], { settings }: NodesPlan) {
    const { keys, shards, payload, seed } = settings;
    this.node = node;
    this.#others = others;
    this.tables = CommandTable.perShard(keys, shards, payload, seed, (key) => groupOfKey(key, shards));
  }

  static async open(plan: NodesPlan): Promise<NodesUnderLoad> {
    const { settings, directory, durability, options } = plan;
    const ports = await freePorts(NODES);
    const ids = ports.map((_, index) => index + 1);
    const files =
      plan.isSecret === true
        ? await makeCertificates(join(directory, 'tls'), ids, { clusterName: CLUSTER })
        : undefined;
    const optionsOf = (index: number): NodeOptions => ({
      id: index + 1,
      members: ports.map((port, other) => ({ id: other + 1, host: '127.0.0.1', port })),
      directory: join(directory, `node-${index + 1}`),
      bootstrap: true,
      durability: durability as 'auto',
      shards: settings.shards,
      workers: settings.workers,
      laneBytes: LANE_BYTES,
      seed: settings.seed + index,
      machine: 'kv',
      transport: 'tcp',
      cluster: CLUSTER,
      ...tlsOf(files, index),
      ...options,
    });
    const [node, ...others] = await Promise.all([
      openNode(optionsOf(0)),
      NodeProcess.open(optionsOf(1)),
      NodeProcess.open(optionsOf(2)),
    ]);
    const opened = new NodesUnderLoad(node, others, plan);
    await node.ready();
    await opened.#upgraded(options.transport);
    await opened.#lead(plan.leader === 'here');
    return opened;
  }

  /** Keys in an order that visits all shards, with a command and a query for each. */
  promiseCommands(): PromiseCommands {
    return CommandTable.toPromiseCommands(this.tables);
  }

  /** Waits until the links are carried as the case asks. */
  async #upgraded(wanted: NodeOptions['transport']): Promise<void> {
    const end = performance.now() + START_MS_MAX;
    while (wanted === 'shm' || wanted === 'rdma') {
      if (this.node.status().links.every(({ transport }) => transport === wanted)) return;
      if (performance.now() > end) throw new Error(`the links are not carried by ${wanted}`);
      await this.node.nextWake();
    }
  }

  /** Moves every shard to this node, or away from it. */
  async #lead(isHere: boolean): Promise<void> {
    const end = performance.now() + START_MS_MAX;
    for (let shard = 0; performance.now() < end; ) {
      const leader = this.node.status().shards[shard]?.leader;
      if (leader === undefined) return;
      if (leader !== 0 && (leader === this.node.id) === isHere) shard += 1;
      else {
        if (isHere) for (const other of this.#others) await other.transfer(shard, this.node.id).catch(() => {});
        else if (leader === this.node.id) this.node.transferLeadership(shard, 2 + (shard % 2));
        await this.node.nextWake();
      }
    }
    throw new Error('the shards did not find the leader that the case asks for');
  }

  async close(): Promise<void> {
    await Promise.all([this.node.close(), ...this.#others.map((other) => other.close())]);
  }
}

function tlsOf(files: CertificateFiles | undefined, index: number): NodeOptions {
  const own = files?.nodes[index];
  if (files === undefined || own === undefined) return {};
  return { tls: { ca: files.ca, cert: own.certificate, key: own.key } };
}
