/**
 * Upgrades links to libfabric: the peer writes straight into this node's registered mailboxes, see native/src/fabric.
 *
 * The provider is opened when the first link that may use it comes up, and opened anew when attempts fail again and again with no
 * link left on it: a card that went away may have come back. Addresses, keys and tokens travel over the sockets, so the fabric is
 * as authentic as these: plain text between machines is not enough, unless the user said that the network is theirs alone.
 */
import { createHash } from 'node:crypto';
import { CONTROL_MAILBOX_BYTES, MAILBOX_BYTES, UPGRADE_RETRY_MS_MAX } from '../limits.ts';
import { type FabricStatus, NATIVE_LINK_CLOSED, NATIVE_LINK_UP, type NativeBinding } from '../native-binding.ts';
import { type ChannelUpgrader, LANE_CONTROL, type UpgradeLink, type UpgradeSession } from './channel.ts';
import { isLoopback } from './line.ts';
import { RegionIds } from './mailbox-channel.ts';
import { MailboxSession, type Mechanism } from './mailbox-session.ts';
import { isThisHost } from './shm-upgrader.ts';

const OFFER_BYTES = 208;
/** Failed attempts in a row after which the provider is opened anew. */
const FAILURES_MAX = 3;

export interface RdmaUpgraderOptions {
  binding: NativeBinding | undefined;
  isEnabled: boolean;
  provider: 'auto' | 'verbs' | 'efa' | 'tcp' | 'shm';
  /** Numeric address of this node to open the provider at; '' lets the provider choose. */
  address: string;
  /** Peers on this host too; otherwise they are left to shared memory. */
  isForSameHost: boolean;
  /** The user said that plain text between machines is safe here. */
  isInsecureAllowed: boolean;
  /** Told when the provider became ready or failed. */
  onStatus(status: FabricStatus): void;
  now(): number;
}

export class RdmaUpgrader implements ChannelUpgrader {
  readonly kind = 'rdma';
  readonly #options: RdmaUpgraderOptions;
  readonly #regions: RegionIds | undefined;
  #domain = 0;
  #status: FabricStatus = { state: 'opening', why: '' };
  #openedMs = 0;
  /** Attempts that failed in a row. */
  #failures = 0;
  readonly #links = new Set<number>();

  constructor(options: RdmaUpgraderOptions) {
    this.#options = options;
    this.#regions = options.binding === undefined ? undefined : new RegionIds(options.binding);
  }

  /** Why links are not upgraded, or what they are upgraded to. */
  get status(): FabricStatus {
    return this.#status;
  }

  begin(link: UpgradeLink): UpgradeSession | undefined {
    const { binding, isEnabled, isForSameHost, isInsecureAllowed, now } = this.#options;
    if (!isEnabled || binding === undefined) return undefined;
    if (!isForSameHost && isThisHost(link.remoteAddress)) return undefined;
    if (!link.isAuthenticated && !isLoopback(link.remoteAddress) && !isInsecureAllowed) return undefined;
    if (this.#domain === 0) this.#open(binding);
    const regions = this.#regions as RegionIds;
    return new MailboxSession(link, this.#mechanism(binding), { binding, regions, now });
  }

  close(): void {
    if (this.#domain !== 0) this.#options.binding?.fabricClose(this.#domain);
    this.#domain = 0;
    this.#status = { state: 'failed', why: 'closed' };
  }

  #open(binding: NativeBinding): void {
    this.#openedMs = this.#options.now();
    this.#status = { state: 'opening', why: '' };
    const domain = binding.fabricOpen(this.#options.provider, this.#options.address, () => {
      if (domain !== this.#domain) return;
      this.#status = binding.fabricStatus(domain);
      this.#options.onStatus(this.#status);
    });
    this.#domain = domain;
  }

  /** Ready to be used; opened anew where that may help. */
  #isReady(binding: NativeBinding): boolean {
    const isStale = this.#status.state === 'failed' || (this.#failures >= FAILURES_MAX && !this.#hasLinkUp(binding));
    if (this.#domain !== 0 && isStale && this.#options.now() - this.#openedMs > UPGRADE_RETRY_MS_MAX) {
      binding.fabricClose(this.#domain);
      this.#failures = 0;
      this.#open(binding);
    }
    return this.#status.state === 'ready';
  }

  #hasLinkUp(binding: NativeBinding): boolean {
    for (const link of this.#links) if (binding.linkState(link) === NATIVE_LINK_CLOSED) this.#links.delete(link);
    return [...this.#links].some((link) => binding.linkState(link) === NATIVE_LINK_UP);
  }

  #mechanism(binding: NativeBinding): Mechanism {
    const provider = (): string => this.#status.provider ?? '';
    return {
      kind: 'rdma',
      context: () => providerContext(provider()),
      offerBytes: OFFER_BYTES,
      isReady: () => this.#isReady(binding),
      provider,
      open: (lane, onWake) => {
        const capacity = lane === LANE_CONTROL ? CONTROL_MAILBOX_BYTES : MAILBOX_BYTES;
        const link = binding.fabricLink(this.#domain, capacity, onWake);
        if (link > 0) this.#links.add(link);
        return link;
      },
      offerOf: (link) => binding.fabricOffer(link) as Uint8Array,
      meet: (link, offer, isDialer) => binding.fabricMeet(link, offer, isDialer),
      stateOf: (link) => binding.linkState(link),
      abandon: (link) => binding.linkClose(link),
      onOutcome: (isUp) => {
        this.#failures = isUp ? 0 : this.#failures + 1;
      },
    };
  }
}

/** Both ends use the same provider. */
function providerContext(provider: string): Uint8Array {
  return createHash('sha256').update(`synod fabric 1 ${provider}`).digest();
}
