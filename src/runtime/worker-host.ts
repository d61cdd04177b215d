/**
 * What one worker does in one turn when it hosts several logs: frames are taken once and go to the log of their group; everything else
 * each log does for itself (replica-host).
 *
 *   links ─▶ frame ─▶ group ─▶ its log's ReplicaHost          turn: begin all │ frames │ finish all
 * @hot
 */
import { assert } from '../base/assert.ts';
import type { GroupId, MemberIndex } from '../base/types.ts';
import type { FrameHandler, Transport } from '../transport/transport.ts';
import { FRAME_GROUP_WORD, isFrame } from '../wire/frame.ts';
import type { GroupHost } from './group-host.ts';
import { type DutyHost, FRAMES_PER_CYCLE, type ReplicaHost } from './replica-host.ts';

export class WorkerHost implements DutyHost {
  readonly groups: readonly GroupHost[];
  readonly #transport: Transport;
  readonly #hosts: readonly ReplicaHost[];
  readonly #hostOf: (ReplicaHost | undefined)[] = [];
  readonly #onFrame: FrameHandler;
  /** Frames that named no group of this worker or were malformed. */
  refused = 0;

  constructor(transport: Transport, hosts: readonly ReplicaHost[]) {
    assert(hosts.length > 0, 'a worker hosts a log at least');
    this.#transport = transport;
    this.#hosts = hosts;
    this.groups = hosts.flatMap((host) => host.groups);
    for (const host of hosts) for (const { groupId } of host.groups) this.#hostOf[groupId] = host;
    this.#onFrame = (words, bytes, offset, size) => this.#dispatch(words, bytes, offset, size);
  }

  group(id: GroupId): GroupHost | undefined {
    return this.#hostOf[id]?.group(id);
  }

  doWork(): number {
    for (let i = 0; i < this.#hosts.length; i++) (this.#hosts[i] as ReplicaHost).beginTurn();
    let work = this.#transport.poll(this.#onFrame, FRAMES_PER_CYCLE);
    for (let i = 0; i < this.#hosts.length; i++) work += (this.#hosts[i] as ReplicaHost).finishTurn();
    return work;
  }

  tick(): void {
    for (let i = 0; i < this.#hosts.length; i++) (this.#hosts[i] as ReplicaHost).tick();
  }

  suspect(member: MemberIndex): void {
    for (let i = 0; i < this.#hosts.length; i++) (this.#hosts[i] as ReplicaHost).suspect(member);
  }

  stop(group: GroupHost, error: unknown): void {
    const host = this.#hostOf[group.groupId];
    assert(host !== undefined, 'the group is one of this worker');
    host.stop(group, error);
  }

  #dispatch(words: Int32Array, bytes: Uint8Array, offset: number, size: number): void {
    const isWhole = isFrame(words, offset >> 2, size);
    const host = isWhole ? this.#hostOf[words[(offset >> 2) + FRAME_GROUP_WORD] as number] : undefined;
    if (host === undefined) this.refused += 1;
    else host.onFrame(words, bytes, offset, size);
  }
}
