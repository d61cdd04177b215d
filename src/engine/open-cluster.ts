/**
 * `openCluster`: checks the options, takes the directory, makes the shared memory, starts the workers, waits for a leader of every
 * shard. Nothing stays behind when a step fails.
 */
import type { GroupData, HostedLog, PeerLinkData, WorkerData } from '../../workers/worker-data.ts';
import { SynodError } from '../base/errors.ts';
import { type ClusterOptions, type Config, validateOptions } from '../config.ts';
import { AtomicsWaker, Sleeper, type Waker } from '../memory/doorbell.ts';
import { NativeWaker } from '../memory/native-memory.ts';
import { loadNative, type NativeBinding } from '../native-binding.ts';
import { loadMachine } from '../runtime/load-machine.ts';
import { Cluster } from './cluster.ts';
import { type OpenedDirectory, openDirectory } from './directory.ts';
import { mintId } from './directory-files.ts';
import { hostingOf, workersAsked } from './hosting.ts';
import { groupsOfLog, type Hosting, logsOfWorker, preferredMember } from './placement.ts';
import { type LogMemory, SharedMemory, type WorkerMemory } from './shared-memory.ts';
import { type PublishTask, SnapshotPublisher } from './snapshot-publisher.ts';
import { Supervisor, type WorkerSlot } from './supervisor.ts';
import { snapshotsOf, tuningOf } from './tuning.ts';

/**
 * Opens a cluster of `replicas` replicas in this process. Resolves when every shard has a leader.
 * Rejects with ERR_SYNOD_CONFIG, ERR_SYNOD_DIRECTORY*, ERR_SYNOD_MACHINE_MODULE, ERR_SYNOD_DURABILITY, ERR_SYNOD_LOG_DAMAGED or
 * ERR_SYNOD_WORKER_START.
 */
export async function openCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const config = validateOptions(options);
  await loadMachine(config.machine);
  const directory =
    config.directory === undefined || config.durability === 'memory' ? volatileDirectory() : takeDirectory(config);
  try {
    return await open(config, hostingOf(config, directory.logs), directory);
  } catch (error) {
    directory.release();
    throw error;
  }
}

function takeDirectory(config: Config): OpenedDirectory {
  const { replicas, shards, lostReplicas } = config;
  const workers = workersAsked(config);
  return openDirectory({ directory: config.directory as string, replicas, shards, workers, lostReplicas });
}

function volatileDirectory(): OpenedDirectory {
  return {
    clusterId: mintId(),
    logs: 0,
    logDirectory: () => '',
    snapshotDirectory: () => '',
    isForgotten: () => false,
    settle: () => {},
    release: () => {},
  };
}

async function open(config: Config, hosting: Hosting, directory: OpenedDirectory): Promise<Cluster> {
  const binding = loadNative(config.native).binding;
  const memory = new SharedMemory(config, hosting);
  const clientWaker = new AtomicsWaker(memory.clientDoorbell);
  const sleeper = new Sleeper(memory.clientDoorbell, 0, clientWaker);
  const publisher = new SnapshotPublisher(config.native);
  const release = (): void => {
    void publisher.close();
    directory.release();
  };
  const cluster = new Cluster({ config, hosting, memory, sleeper, release });
  const birth = new BirthCertificates(config, hosting, directory, memory, cluster);
  const supervisor = new Supervisor(
    memory.workers.map((row) => row.map((worker) => worker.block)),
    {
      entry: new URL(`../../workers/group-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
      birthData: (replica, worker) => birth.of(replica, worker),
      wakerOf: makeWaker(binding),
      startTimeoutMs: config.startTimeoutMs,
      closeLog: (replica, worker) => {
        for (const log of logsOfWorker(worker, hosting.logs, hosting.workers))
          closeLog(binding, directory.logDirectory(replica, log));
      },
      onMessage: (slot, message) => {
        if (message.kind === 'publish') void publish(publisher, supervisor, slot, message.task);
        else cluster.onWorkerMessage(slot, message);
      },
      onDown: (slot, error) => cluster.onWorkerDown(slot, error),
      onUp: (slot) => cluster.onWorkerUp(slot),
      onWarning: (text) => cluster.warn(text),
    },
  );
  try {
    await supervisor.start();
    directory.settle();
  } catch (error) {
    await supervisor.close();
    throw error;
  }
  cluster.begin(supervisor);
  await leaders(cluster, config);
  return cluster;
}

async function publish(
  publisher: SnapshotPublisher,
  supervisor: Supervisor,
  slot: WorkerSlot,
  task: PublishTask,
): Promise<void> {
  const failure = await publisher.publish(task);
  supervisor.post(slot, { kind: 'published', id: task.id, failure });
}

/** The wake primitive of worker doorbells: one kind for the whole process, because the kinds do not wake each other. */
function makeWaker(binding: NativeBinding | undefined): (block: SharedArrayBuffer) => Waker {
  return (block) => (binding === undefined ? new AtomicsWaker(block) : new NativeWaker(binding, block));
}

/** A dead worker's writes still read its memory: wait for them before anybody else writes there (S22). */
function closeLog(binding: NativeBinding | undefined, logDirectory: string): void {
  if (logDirectory !== '') binding?.logCloseDirectory(logDirectory);
}

/** Waits until every shard has a leader. */
async function leaders(cluster: Cluster, config: Config): Promise<void> {
  const deadline = performance.now() + config.startTimeoutMs;
  while (cluster.status().shards.some((shard) => shard.leader < 0 && shard.error === undefined)) {
    if (performance.now() > deadline) {
      await cluster.close();
      throw new SynodError(
        'ERR_SYNOD_NO_LEADER',
        'A shard found no leader in time: look at the warnings of its workers.',
      );
    }
    await cluster.nextWake();
  }
}

/** What each worker receives at birth, made anew for every restart. */
class BirthCertificates {
  readonly #config: Config;
  readonly #hosting: Hosting;
  readonly #directory: OpenedDirectory;
  readonly #memory: SharedMemory;
  readonly #cluster: Cluster;

  constructor(config: Config, hosting: Hosting, directory: OpenedDirectory, memory: SharedMemory, cluster: Cluster) {
    this.#config = config;
    this.#hosting = hosting;
    this.#directory = directory;
    this.#memory = memory;
    this.#cluster = cluster;
  }

  of(replica: number, worker: number): Omit<WorkerData, 'ownerEpoch' | 'control'> {
    const config = this.#config;
    const { block, logs } = (this.#memory.workers[replica] as WorkerMemory[])[worker] as WorkerMemory;
    return {
      memberIndex: replica,
      laneReplica: replica,
      forwards: false,
      memberNodeIds: Array.from({ length: config.replicas }, (_, member) => member + 1),
      block,
      clientDoorbell: this.#memory.clientDoorbell,
      logs: logs.map((memory) => this.#log(replica, memory)),
      snapshots: snapshotsOf(config, this.#directory.snapshotDirectory(replica), {
        block: this.#memory.snapshotTurn,
        worker: replica * this.#hosting.workers + worker,
      }),
      peers: this.#peers(replica, worker),
      machine: config.machine,
      seed: config.seed,
      native: config.native,
      tuning: tuningOf(config),
    };
  }

  #log(replica: number, { logNumber, chunks, volatileControl }: LogMemory): HostedLog {
    return {
      log: {
        logNumber,
        directory: this.#directory.logDirectory(replica, logNumber),
        durability: this.#config.durability,
        clusterId: this.#directory.clusterId,
        nodeId: replica + 1,
        chunks,
        volatileControl,
        isForgotten: this.#directory.isForgotten(replica),
      },
      groups: groupsOfLog(logNumber, this.#hosting.logs, this.#config.shards).map((group) =>
        this.#group(replica, group),
      ),
    };
  }

  #group(replica: number, groupId: number): GroupData {
    return {
      groupId,
      preferredMember: preferredMember(groupId, this.#config.replicas),
      status: this.#memory.status[replica]?.[groupId] as SharedArrayBuffer,
      lanes: this.#cluster.lanesOf(replica, groupId),
    };
  }

  #peers(replica: number, worker: number): PeerLinkData[] {
    const peers: PeerLinkData[] = [];
    for (let peer = 0; peer < this.#config.replicas; peer++) {
      if (peer === replica) continue;
      const outbound = this.#memory.rings(worker, replica, peer);
      const inbound = this.#memory.rings(worker, peer, replica);
      peers.push({
        memberIndex: peer,
        outboundBulk: outbound.bulk,
        outboundControl: outbound.control,
        inboundBulk: inbound.bulk,
        inboundControl: inbound.control,
        peerBlock: this.#memory.workers[peer]?.[worker]?.block as SharedArrayBuffer,
      });
    }
    return peers;
  }
}
