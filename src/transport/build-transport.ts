/**
 * Builds a node's transport worker from what it received at birth: certificates, listener, links, duty cycle.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import type { TransportData, TransportMessage, TransportWorker } from '../../workers/worker-data.ts';
import { assert } from '../base/assert.ts';
import { SynodError } from '../base/errors.ts';
import { WORKER_DOORBELL_WORD } from '../memory/descriptor.ts';
import { AtomicsWaker, Doorbell, Sleeper } from '../memory/doorbell.ts';
import { makeNativeBulk, NativeWaker } from '../memory/native-memory.ts';
import { makePortableBulk } from '../memory/portable-bulk.ts';
import { loadNative, type NativeBinding } from '../native-binding.ts';
import { crc32c } from '../wire/crc32c.ts';
import type { ChannelUpgrader } from './channel.ts';
import { makeDial } from './dialer.ts';
import { isLoopback } from './line.ts';
import { LinkManager, type LinkReports, type PeerMember } from './link-manager.ts';
import { Listener } from './listener.ts';
import type { LinkWorker } from './peer-link.ts';
import { RdmaUpgrader } from './rdma-upgrader.ts';
import { ShmUpgrader } from './shm-upgrader.ts';
import { TlsMaterial } from './tls-material.ts';
import { TransportAgent } from './transport-agent.ts';

/** A thread that waits for shared memory looks first for so long, where cores are to spare. */
const SPIN_NS = 5000;
const SPIN_CORES_MIN = 8;
/** Certificate files are looked at so often. */
const TLS_CHECK_MS = 2000;

export interface BuiltTransport {
  agent: TransportAgent;
  links: LinkManager;
  ready: TransportMessage;
  /** Reads the certificate files again and has every peer prove itself anew. */
  reloadTls(): Promise<void>;
  close(): void;
}

type Post = (message: TransportMessage) => void;

/** Rejects with ERR_SYNOD_CONFIG (plain text to other machines), ERR_SYNOD_TLS or ERR_SYNOD_LISTEN. */
export async function buildTransport(data: TransportData, post: Post): Promise<BuiltTransport> {
  refusePlainText(data);
  const binding = loadNative(data.native).binding;
  const material = data.tls === undefined ? undefined : await TlsMaterial.load(data.tls);
  const now = (): number => performance.now();
  // Nobody rings or wakes before `run`, which the agent's maker calls after this function.
  const late: { agent: TransportAgent | undefined } = { agent: undefined };
  const links = new LinkManager({
    self: data,
    peers: peersOf(data, binding),
    linkStatus: data.linkStatus,
    bulk: binding === undefined ? makePortableBulk(crc32c) : makeNativeBulk(binding),
    dial: makeDial(material, data.insecureTransport),
    upgraders: makeUpgraders(data, binding, now, post),
    seed: data.seed,
    life: data.ownerEpoch,
    reports: makeReports(post),
    now,
    wake: () => late.agent?.wake(),
  });
  const listener = new Listener(material, data.insecureTransport, {
    onLine: (line, release) => links.accept(line, release),
    onRefused: (reason, detail, address) => links.refuseStranger(reason, detail, address),
  });
  const bound = await listener.listen(data.listen.host, data.listen.port);
  const tls = new TlsWatch(material, listener, links, post);
  const agent = new TransportAgent(links, {
    words: new Int32Array(data.block),
    sleeper: new Sleeper(data.block, WORKER_DOORBELL_WORD, new AtomicsWaker(data.block)),
    now,
    onHousekeeping: (nowMs) => tls.onHousekeeping(nowMs),
  });
  late.agent = agent;
  return {
    agent,
    links,
    ready: { kind: 'ready', host: bound.host, port: bound.port, native: binding !== undefined },
    reloadTls: () => tls.reload(),
    close: () => {
      links.close();
      listener.close();
    },
  };
}

/** Faster channels that established links may agree upon. Both ends have the same list: notes name an upgrader by its place. */
function makeUpgraders(
  data: TransportData,
  binding: NativeBinding | undefined,
  now: () => number,
  post: Post,
): readonly ChannelUpgrader[] {
  const { transport, rdmaProvider, insecureTransport, listen } = data;
  return [
    new ShmUpgrader({
      binding,
      isEnabled: transport === 'auto' || transport === 'shm',
      spinNs: availableParallelism() >= SPIN_CORES_MIN ? SPIN_NS : 0,
      now,
    }),
    new RdmaUpgrader({
      binding,
      isEnabled: transport === 'auto' || transport === 'rdma',
      provider: rdmaProvider,
      address: isIP(listen.host) !== 0 && !isAnyAddress(listen.host) ? listen.host : '',
      isForSameHost: transport === 'rdma',
      isInsecureAllowed: insecureTransport,
      onStatus: (status) => {
        // Without hardware `auto` is served well by the sockets; who asked for it is told why there is none.
        if (status.state === 'failed' && transport === 'rdma') {
          post({ kind: 'warning', message: `RDMA is not available, frames go over the sockets: ${status.why}` });
        }
      },
      now,
    }),
  ];
}

const isAnyAddress = (host: string): boolean => host === '0.0.0.0' || host === '::';

function refusePlainText({ tls, insecureTransport, listen, members, nodeId }: TransportData): void {
  if (tls !== undefined || insecureTransport) return;
  const hosts = [listen.host, ...members.filter((member) => member.nodeId !== nodeId).map(({ host }) => host)];
  const outside = hosts.find((host) => !isLoopback(host));
  if (outside === undefined) return;
  throw new SynodError(
    'ERR_SYNOD_CONFIG',
    `Without tls nodes talk over loopback only, and ${outside} is not: make certificates (npx synod cert) and give them as tls, or set insecure: true where the network is yours alone.`,
  );
}

function peersOf(data: TransportData, binding: NativeBinding | undefined): PeerMember[] {
  const peers = data.members.filter(({ memberIndex }) => memberIndex !== data.memberIndex);
  return peers.map((member) => ({
    ...member,
    workers: data.workers.map((worker) => linkWorker(worker, member.memberIndex, binding)),
  }));
}

function linkWorker(worker: TransportWorker, memberIndex: number, binding: NativeBinding | undefined): LinkWorker {
  const link = worker.links.find((candidate) => candidate.memberIndex === memberIndex);
  assert(link !== undefined, 'every worker has rings for every peer');
  const waker = binding === undefined ? new AtomicsWaker(worker.block) : new NativeWaker(binding, worker.block);
  return { ...link, groups: worker.groups, doorbell: new Doorbell(worker.block, WORKER_DOORBELL_WORD, waker) };
}

function makeReports(post: Post): LinkReports {
  return {
    onLink: (memberIndex, isUp, transport, reason) => post({ kind: 'link', memberIndex, isUp, transport, reason }),
    onRefusal: ({ memberIndex, isByPeer, address, reason }, message) =>
      post({ kind: 'refused', memberIndex, isByPeer, address, reason, message }),
    onSeen: (memberIndex, incarnation, bootCounter) => post({ kind: 'seen', memberIndex, incarnation, bootCounter }),
  };
}

/** Notices changed certificate files. One reading at a time. */
class TlsWatch {
  readonly #material: TlsMaterial | undefined;
  readonly #listener: Listener;
  readonly #links: LinkManager;
  readonly #post: Post;
  #checkedMs = 0;
  #isBusy = false;

  constructor(material: TlsMaterial | undefined, listener: Listener, links: LinkManager, post: Post) {
    this.#material = material;
    this.#listener = listener;
    this.#links = links;
    this.#post = post;
  }

  onHousekeeping(nowMs: number): void {
    if (this.#material === undefined || this.#isBusy || nowMs - this.#checkedMs < TLS_CHECK_MS) return;
    this.#checkedMs = nowMs;
    void this.#checkFiles(this.#material);
  }

  async reload(): Promise<void> {
    if (this.#material === undefined || this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#material.reload();
      this.#listener.renew();
      this.#links.renew();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#post({ kind: 'warning', message: `The certificates that were in use stay: ${message}` });
    } finally {
      this.#isBusy = false;
    }
  }

  async #checkFiles(material: TlsMaterial): Promise<void> {
    if (await material.hasChanged()) await this.reload();
  }
}
