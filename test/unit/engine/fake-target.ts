/**
 * A ClientTarget without a cluster: answers with what it was asked, or as told.
 */
import type { ClientTarget, TargetStatus } from '../../../src/engine/client-target.ts';
import type { ProposeOptions } from '../../../src/engine/proposals.ts';

export class FakeTarget implements ClientTarget {
  readonly calls: string[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  state: TargetStatus = { shards: [{ shard: 0, leader: 2, error: undefined }] };
  /** What the next calls do instead of echoing. */
  answer: ((bytes: Uint8Array) => Promise<Uint8Array>) | undefined;

  propose(key: string, command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    return this.#take(`propose ${key} ${command.length} ${options?.timeout}`, command, options);
  }

  read(key: string, query: Uint8Array, options?: ProposeOptions & { consistency?: string }): Promise<Uint8Array> {
    return this.#take(`read ${key} ${query.length} ${options?.timeout} ${options?.consistency}`, query, options);
  }

  status(): TargetStatus {
    return this.state;
  }

  metrics(): string {
    return 'synod_fake 1\n';
  }

  transferLeadership(shard: number, to: number): void {
    this.calls.push(`transfer ${shard} ${to}`);
  }

  snapshot(shard: number): void {
    this.calls.push(`snapshot ${shard}`);
  }

  #take(call: string, bytes: Uint8Array, options: ProposeOptions | undefined): Promise<Uint8Array> {
    this.calls.push(call);
    this.signals.push(options?.signal);
    return this.answer === undefined ? Promise.resolve(bytes) : this.answer(bytes);
  }
}
