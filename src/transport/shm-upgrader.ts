/**
 * Upgrades links between processes of one host to shared memory: mailboxes that the other end maps, see native/src/shm.
 *
 * The peer is on this host when it is reached at an address of this host and both read the same boot id; whether its memory can be
 * mapped (same user, same pid namespace) shows when it is tried, and the sockets carry the frames where not.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { CONTROL_MAILBOX_BYTES, MAILBOX_BYTES } from '../limits.ts';
import type { NativeBinding, SharedMailbox } from '../native-binding.ts';
import { type ChannelUpgrader, LANE_CONTROL, type UpgradeLink, type UpgradeSession } from './channel.ts';
import { isLoopback } from './line.ts';
import { RegionIds } from './mailbox-channel.ts';
import { MailboxSession, type Mechanism } from './mailbox-session.ts';

/** pid, fd, capacity (words), nonce. */
const OFFER_BYTES = 28;
const NONCE_BYTES = 16;

export interface ShmUpgraderOptions {
  binding: NativeBinding | undefined;
  isEnabled: boolean;
  /** How long a waiting thread looks before it sleeps, ns: only where there are cores to spare. */
  spinNs: number;
  now(): number;
}

export class ShmUpgrader implements ChannelUpgrader {
  readonly kind = 'shm';
  readonly #options: ShmUpgraderOptions;
  readonly #regions: RegionIds | undefined;
  readonly #context: Uint8Array | undefined;

  constructor(options: ShmUpgraderOptions) {
    this.#options = options;
    this.#regions = options.binding === undefined ? undefined : new RegionIds(options.binding);
    this.#context = hostContext();
  }

  begin(link: UpgradeLink): UpgradeSession | undefined {
    const { binding, isEnabled, now } = this.#options;
    if (!isEnabled || binding === undefined || this.#context === undefined) return undefined;
    if (!isThisHost(link.remoteAddress)) return undefined;
    const regions = this.#regions as RegionIds;
    return new MailboxSession(link, this.#mechanism(binding, this.#context), { binding, regions, now });
  }

  close(): void {}

  #mechanism(binding: NativeBinding, context: Uint8Array): Mechanism {
    const { spinNs } = this.#options;
    return {
      kind: 'shm',
      context: () => context,
      offerBytes: OFFER_BYTES,
      isReady: () => true,
      provider: () => '',
      open: (lane) => binding.shmOpen(lane === LANE_CONTROL ? CONTROL_MAILBOX_BYTES : MAILBOX_BYTES, spinNs),
      offerOf: (link) => encodeOffer(binding.shmDescribe(link) as SharedMailbox),
      meet: (link, offer, _isDialer, onWake) => {
        const { pid, fd, nonce, capacity } = decodeOffer(offer);
        return binding.shmAttach(link, pid, fd, nonce, capacity, onWake);
      },
      stateOf: (link) => binding.linkState(link),
      abandon: (link) => binding.linkClose(link),
      onOutcome: () => {},
    };
  }
}

export function encodeOffer({ pid, fd, capacity, nonce }: SharedMailbox): Uint8Array {
  return Buffer.concat([new Uint8Array(new Int32Array([pid, fd, capacity]).buffer), nonce]);
}

export function decodeOffer(bytes: Uint8Array): SharedMailbox {
  const words = new Int32Array(Uint8Array.from(bytes.subarray(0, OFFER_BYTES - NONCE_BYTES)).buffer);
  return {
    pid: words[0] as number,
    fd: words[1] as number,
    capacity: words[2] as number,
    nonce: Uint8Array.from(bytes.subarray(OFFER_BYTES - NONCE_BYTES)),
  };
}

/** Names this boot of this host to whoever runs on it too; undefined where the system does not say. */
function hostContext(): Uint8Array | undefined {
  try {
    return createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id')).digest();
  } catch {
    return undefined;
  }
}

/** True for an address that belongs to this host. */
export function isThisHost(address: string): boolean {
  if (isLoopback(address)) return true;
  const plain = address.replace(/^::ffff:/, '');
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === plain));
}
