/**
 * One node of several: it holds one replica of every group, and reaches the others through its transport worker. The user's handle,
 * made by `openNode`; the same calls as a cluster's.
 */
import type { TransportMessage } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';
import type { NodeConfig } from '../config.ts';
import type { Sleeper } from '../memory/doorbell.ts';
import { Engine } from './engine.ts';
import type { Inspection } from './inspections.ts';
import { renderMetrics, samplesOf } from './metrics.ts';
import { type NodeEndpoint, openNodeEndpoint } from './node-endpoint.ts';
import type { NodeMemory } from './node-memory.ts';
import { NodeRouter } from './node-router.ts';
import { describeNode, type NodeStatus } from './node-status.ts';
import type { Hosting } from './placement.ts';
import type { Supervisor } from './supervisor.ts';
import type { TransportHost } from './transport-host.ts';

export interface NodeParts {
  config: NodeConfig;
  hosting: Hosting;
  /** Member index of this node. */
  self: number;
  memory: NodeMemory;
  sleeper: Sleeper;
  release(): void;
}

/** The only replica of the process. */
const HERE = 0;

export class Node extends Engine<NodeRouter> {
  readonly #config: NodeConfig;
  readonly #memory: NodeMemory;
  readonly #self: number;
  #transport: TransportHost | undefined;
  #endpoint: NodeEndpoint | undefined;

  constructor(parts: NodeParts) {
    const { config, hosting, self, memory, sleeper, release } = parts;
    super({
      config,
      replicas: 1,
      hosting,
      sleeper,
      release,
      makeRouter: (host) => new NodeRouter(memory.status, host, self),
    });
    this.#config = config;
    this.#memory = memory;
    this.#self = self;
  }

  /** Called once by `openNode`, when workers and transport run. */
  join(supervisor: Supervisor, transport: TransportHost): void {
    this.#transport = transport;
    this.begin(supervisor);
  }

  /** Called once by `openNode`, last: opens the client endpoint, where one is configured. */
  async serve(): Promise<void> {
    this.#endpoint = await openNodeEndpoint(this, this.#config, (text) => this.warn(text));
  }

  /** Where the client endpoint answers; undefined where there is none. */
  get clientUrl(): string | undefined {
    return this.#endpoint?.url;
  }

  /** Id of this node. */
  get id(): number {
    return this.#config.id;
  }

  /**
   * Resolves when every shard has a leader that this node knows of; rejects with ERR_SYNOD_NO_LEADER after `timeoutMs`. Calls need not
   * wait for it: they are answered once there is one.
   */
  async ready(timeoutMs = this.#config.startTimeoutMs): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (let shard = 0; shard < this.#config.shards; ) {
      if (this.router.leaderOf(shard) >= 0 || this.failureOf(shard) !== undefined) {
        shard += 1;
        continue;
      }
      if (performance.now() > deadline) throw noLeader(shard);
      await this.nextWake();
    }
  }

  status(): NodeStatus {
    return describeNode({
      config: this.#config,
      self: this.#self,
      router: this.router,
      slots: this.supervisor?.slots ?? [],
      hosting: this.hosting,
      linkStatus: this.#memory.linkStatus,
      listen: this.#transport?.address,
    });
  }

  /** `status()` as Prometheus text. */
  metrics(): string {
    return renderMetrics(samplesOf(this.status()));
  }

  /** Hands a shard that this node leads to another node, by id. */
  transferLeadership(shard: number, nodeId: number): void {
    const member = this.#config.members.findIndex(({ id }) => id === nodeId);
    if (member < 0 || !this.#isShard(shard)) throw noSuch(shard, nodeId);
    const leader = this.router.leaderOf(shard);
    if (leader < 0) throw noLeader(shard);
    if (leader !== this.#self) {
      throw new SynodError(
        'ERR_SYNOD_NO_LEADER',
        `Shard ${shard} is led by node ${this.nodeIdOf(leader)}: ask it there.`,
      );
    }
    this.supervisor?.post(this.slot(HERE, shard), { kind: 'transfer', groupId: shard, memberIndex: member });
  }

  /** This node's replica of the shard takes a snapshot as soon as it can. */
  snapshot(shard: number): void {
    if (!this.#isShard(shard)) throw noSuch(shard, this.id);
    this.snapshotLocal(shard);
  }

  /** Asks this node's own machine, whatever it has applied: for audits. */
  inspect(shard: number, query: Uint8Array): Promise<Inspection> {
    if (!this.#isShard(shard)) return Promise.reject(noSuch(shard, this.id));
    return this.inspectLocal(shard, HERE, query);
  }

  /** Ends a worker's thread as a crash would: for drills. Supervision brings it back. */
  terminateWorker(worker: number): void {
    this.terminateLocal(HERE, worker);
  }

  /** Reads the certificate files again now; changed files are noticed by themselves within seconds. */
  reloadTls(): void {
    this.#transport?.post({ kind: 'reloadTls' });
    this.#endpoint?.reloadTls().catch((error: unknown) => this.warn(String(error)));
  }

  /** What the transport worker reports. */
  onTransportMessage(message: TransportMessage): void {
    if (message.kind === 'warning') this.warn(message.message);
    else if (message.kind === 'refused') this.warn(message.message);
    else if (message.kind === 'link') this.#onLink(message);
  }

  /** A peer whose process is gone is suspected at once: its groups need no time-out to elect another leader. */
  #onLink({ memberIndex, isUp, transport, reason }: Extract<TransportMessage, { kind: 'link' }>): void {
    this.tell('link', { node: this.nodeIdOf(memberIndex), isUp, transport, reason });
    if (isUp) return;
    for (const slot of this.supervisor?.slots ?? []) this.supervisor?.post(slot, { kind: 'suspect', memberIndex });
  }

  /** As that of a cluster; what the client endpoint has taken is answered meanwhile. */
  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#endpoint?.close(this.#config.closeTimeoutMs)]);
  }

  protected override async stopWorkers(): Promise<void> {
    await super.stopWorkers();
    await this.#transport?.close();
  }

  protected nodeIdOf(memberIndex: number): number {
    return this.#config.members[memberIndex]?.id ?? 0;
  }

  protected onDeviates(shard: number, memberIndex: number, slot: number): void {
    if (memberIndex === this.#self)
      this.supervisor?.post(this.slot(HERE, shard), { kind: 'deviates', groupId: shard, slot });
    else {
      const node = this.nodeIdOf(memberIndex);
      this.warn(
        `replies of node ${node} differ from most others' (shard ${shard}, at or below slot ${slot}): its machine is not deterministic, or its state is damaged`,
      );
    }
  }

  #isShard(shard: number): boolean {
    return Number.isInteger(shard) && shard >= 0 && shard < this.#config.shards;
  }
}

function noLeader(shard: number): SynodError {
  return new SynodError(
    'ERR_SYNOD_NO_LEADER',
    `Shard ${shard} has no leader that this node knows of: are a majority of the members up and reachable?`,
  );
}

function noSuch(shard: number, nodeId: number): SynodError {
  return new SynodError('ERR_SYNOD_CONFIG', `There is no shard ${shard} at node ${nodeId}: shards count from 0.`);
}
