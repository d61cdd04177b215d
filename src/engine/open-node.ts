/**
 * `openNode`: checks the options, takes the directory, starts the group workers and the transport worker. It does not wait for the
 * other nodes: a node is open when its own part runs. Nothing stays behind when a step fails.
 */
import type {
  GroupData,
  HostedLog,
  PeerLinkData,
  TransportData,
  TransportMessage,
  WorkerData,
} from '../../workers/worker-data.ts';
import { type NodeConfig, type NodeOptions, validateNodeOptions } from '../config.ts';
import { AtomicsWaker, Sleeper, type Waker } from '../memory/doorbell.ts';
import { NativeWaker } from '../memory/native-memory.ts';
import { loadNative } from '../native-binding.ts';
import { loadMachine } from '../runtime/load-machine.ts';
import { hostingOf, workersAsked } from './hosting.ts';
import { Node } from './node.ts';
import { type OpenedNodeDirectory, openNodeDirectory, volatileNodeDirectory } from './node-directory.ts';
import { NodeMemory } from './node-memory.ts';
import { groupsOfLog, type Hosting, logsOfWorker, preferredMember, workerOfGroup } from './placement.ts';
import type { LogMemory, WorkerMemory } from './shared-memory.ts';
import { SnapshotPublisher } from './snapshot-publisher.ts';
import { Supervisor } from './supervisor.ts';
import { TransportHost } from './transport-host.ts';
import { snapshotsOf, tuningOf } from './tuning.ts';

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * Opens one node of a cluster. Resolves when its logs are recovered and it listens; `node.ready()` waits for leaders.
 * Rejects with ERR_SYNOD_CONFIG, ERR_SYNOD_DIRECTORY*, ERR_SYNOD_MACHINE_MODULE, ERR_SYNOD_DURABILITY, ERR_SYNOD_LOG_DAMAGED,
 * ERR_SYNOD_LISTEN or ERR_SYNOD_WORKER_START.
 */
export async function openNode(options: NodeOptions): Promise<Node> {
  const config = validateNodeOptions(options);
  await loadMachine(config.machine);
  const directory = takeDirectory(config);
  try {
    return await open(config, hostingOf(config, directory.logs), directory);
  } catch (error) {
    directory.release();
    throw error;
  }
}

function takeDirectory(config: NodeConfig): OpenedNodeDirectory {
  const identity = {
    cluster: config.cluster,
    id: config.id,
    memberIds: config.members.map(({ id }) => id),
    shards: config.shards,
    workers: workersAsked(config),
    bootstrap: config.bootstrap,
    lostReplicas: config.lostReplicas,
  };
  if (config.directory === undefined || config.durability === 'memory') return volatileNodeDirectory(identity);
  return openNodeDirectory({ ...identity, directory: config.directory });
}

async function open(config: NodeConfig, hosting: Hosting, directory: OpenedNodeDirectory): Promise<Node> {
  const self = config.members.findIndex(({ id }) => id === config.id);
  const { binding } = loadNative(config.native);
  const memory = new NodeMemory(config, hosting, self);
  const sleeper = new Sleeper(memory.clientDoorbell, 0, new AtomicsWaker(memory.clientDoorbell));
  const publisher = new SnapshotPublisher(config.native);
  const release = (): void => {
    void publisher.close();
    directory.release();
  };
  const node = new Node({ config, hosting, self, memory, sleeper, release });
  const birth = new NodeBirth(config, hosting, self, directory, memory, node);
  const supervisor = new Supervisor([memory.workers.map(({ block }) => block)], {
    entry: new URL(`../../workers/group-worker${EXTENSION}`, import.meta.url),
    birthData: (_replica, worker) => birth.worker(worker),
    wakerOf: (block): Waker => (binding === undefined ? new AtomicsWaker(block) : new NativeWaker(binding, block)),
    startTimeoutMs: config.startTimeoutMs,
    closeLog: (_replica, worker) => {
      for (const log of logsOfWorker(worker, hosting.logs, hosting.workers)) {
        const path = directory.logDirectory(log);
        if (path !== '') binding?.logCloseDirectory(path);
      }
    },
    onMessage: (slot, message) => {
      if (message.kind !== 'publish') node.onWorkerMessage(slot, message);
      else {
        const { task } = message;
        const done = (failure: string): void => supervisor.post(slot, { kind: 'published', id: task.id, failure });
        void publisher.publish(task).then(done);
      }
    },
    onDown: (slot, error) => node.onWorkerDown(slot, error),
    onUp: (slot) => node.onWorkerUp(slot),
    onWarning: (text) => node.warn(text),
  });
  const transport = new TransportHost({
    entry: new URL(`../../workers/transport-worker${EXTENSION}`, import.meta.url),
    block: memory.transportBlock,
    linkStatus: memory.linkStatus,
    members: config.members.length,
    startTimeoutMs: config.startTimeoutMs,
    birthData: () => birth.transport(),
    onMessage: (message) => {
      if (message.kind === 'seen') noteSeen(config, directory, message);
      else node.onTransportMessage(message);
    },
    onDown: (error) => node.warn(`the transport worker ended: ${String(error)}`),
  });
  try {
    await supervisor.start();
    directory.settle();
    node.join(supervisor, transport);
    await transport.start();
    await node.serve();
  } catch (error) {
    await transport.close();
    await supervisor.close();
    throw error;
  }
  return node;
}

/** What a peer showed of itself is kept before anything is built on it. */
function noteSeen(
  config: NodeConfig,
  directory: OpenedNodeDirectory,
  { memberIndex, incarnation, bootCounter }: Extract<TransportMessage, { kind: 'seen' }>,
): void {
  const member = config.members[memberIndex];
  if (member !== undefined) directory.notePeer(member.id, { incarnation, boots: bootCounter });
}

/** What each worker of the node receives at birth, made anew for every restart. */
class NodeBirth {
  readonly #config: NodeConfig;
  readonly #hosting: Hosting;
  readonly #self: number;
  readonly #directory: OpenedNodeDirectory;
  readonly #memory: NodeMemory;
  readonly #node: Node;

  constructor(
    config: NodeConfig,
    hosting: Hosting,
    self: number,
    directory: OpenedNodeDirectory,
    memory: NodeMemory,
    node: Node,
  ) {
    this.#config = config;
    this.#hosting = hosting;
    this.#self = self;
    this.#directory = directory;
    this.#memory = memory;
    this.#node = node;
  }

  worker(worker: number): Omit<WorkerData, 'ownerEpoch' | 'control'> {
    const config = this.#config;
    const directory = this.#directory;
    const { block, logs } = this.#memory.workers[worker] as WorkerMemory;
    return {
      memberIndex: this.#self,
      laneReplica: 0,
      forwards: true,
      memberNodeIds: config.members.map(({ id }) => id),
      block,
      clientDoorbell: this.#memory.clientDoorbell,
      logs: logs.map((memory) => this.#log(memory)),
      snapshots: snapshotsOf(config, directory.snapshotDirectory, { block: this.#memory.snapshotTurn, worker }),
      peers: this.#peers(worker),
      machine: config.machine,
      seed: config.seed,
      native: config.native,
      tuning: tuningOf(config),
    };
  }

  transport(): Omit<TransportData, 'ownerEpoch' | 'control'> {
    const config = this.#config;
    const directory = this.#directory;
    const { tls } = config;
    return {
      memberIndex: this.#self,
      nodeId: config.id,
      clusterId: directory.clusterId,
      incarnation: directory.incarnation,
      isReplacement: directory.isReplacement,
      bootCounter: directory.boots,
      shards: config.shards,
      members: config.members.map(({ id, host, port }, memberIndex) => {
        const seen = directory.peer(id);
        return { memberIndex, nodeId: id, host, port, incarnation: seen.incarnation, bootCounter: seen.boots };
      }),
      listen: config.listen,
      tls:
        tls === undefined
          ? undefined
          : {
              ca: tls.ca,
              certificate: tls.cert,
              key: tls.key,
              revoked: tls.revoked ?? '',
              clusterName: config.cluster,
            },
      insecureTransport: config.insecure,
      transport: config.transport,
      rdmaProvider: config.rdmaProvider,
      workers: this.#memory.workers.map(({ block }, workerIndex) => ({
        workerIndex,
        groups: this.#groupsOf(workerIndex),
        block,
        links: [...(this.#memory.links[workerIndex] ?? [])],
      })),
      block: this.#memory.transportBlock,
      linkStatus: this.#memory.linkStatus,
      seed: config.seed,
      native: config.native,
    };
  }

  #log({ logNumber, chunks, volatileControl }: LogMemory): HostedLog {
    const { durability, id, shards } = this.#config;
    return {
      log: {
        logNumber,
        directory: this.#directory.logDirectory(logNumber),
        durability,
        clusterId: this.#directory.clusterId,
        nodeId: id,
        chunks,
        volatileControl,
        isForgotten: this.#directory.isForgotten,
      },
      groups: groupsOfLog(logNumber, this.#hosting.logs, shards).map((group) => this.#group(group)),
    };
  }

  #groupsOf(worker: number): number[] {
    const groups = Array.from({ length: this.#config.shards }, (_, group) => group);
    return groups.filter((group) => workerOfGroup(group, this.#hosting) === worker);
  }

  #group(groupId: number): GroupData {
    return {
      groupId,
      preferredMember: preferredMember(groupId, this.#config.members.length),
      status: this.#memory.status[groupId] as SharedArrayBuffer,
      lanes: this.#node.lanesOf(0, groupId),
    };
  }

  #peers(worker: number): PeerLinkData[] {
    return (this.#memory.links[worker] ?? []).map((link) => ({
      ...link,
      peerBlock: this.#memory.transportBlock,
      wakeKind: 'eventLoop',
      linkStatus: this.#memory.linkStatus,
    }));
  }
}
