/** Two ends agree on a pair of links by notes, or stay with the sockets. Doubles stand for the mechanism; both ends are real. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UPGRADE_MS_MAX, UPGRADE_RETRY_MS_MIN } from '../../../src/limits.ts';
import { NATIVE_LINK_CLOSED, NATIVE_LINK_UP } from '../../../src/native-binding.ts';
import type { Channel, ChannelEvents, ChannelPair, UpgradeLink } from '../../../src/transport/channel.ts';
import { type MailboxBinding, RegionIds } from '../../../src/transport/mailbox-channel.ts';
import { CONTEXT_BYTES, MailboxSession, type Mechanism } from '../../../src/transport/mailbox-session.ts';

/** Both ends' links, and what is known of them. */
class World {
  now = 0;
  next = 0;
  readonly states = new Map<number, number>();
  readonly met: [link: number, offer: number][] = [];
  readonly binding: MailboxBinding = {
    attach: () => 0,
    detach: () => {},
    linkSend: () => 1,
    linkHasRoom: () => 1,
    linkPoll: (link) => this.failures.get(link) ?? 0,
    linkReleased: () => 0,
    linkArm: () => true,
    linkReason: () => 0,
    linkClose: (link) => this.states.set(link, NATIVE_LINK_CLOSED),
  };
  /** What a link's poll answers. */
  readonly failures = new Map<number, number>();
  readonly dialer = new End(this, true);
  readonly acceptor = new End(this, false);

  /** Delivers the notes of both ends and gives both their turns, a few times. */
  run(): void {
    for (let round = 0; round < 6; round++) {
      for (const [from, to] of [
        [this.dialer, this.acceptor],
        [this.acceptor, this.dialer],
      ] as const) {
        for (const note of from.notes.splice(0)) if (!to.isDeaf) to.session.onNote(note);
        from.session.poll();
        to.session.poll();
      }
    }
  }

  tick(ms: number): void {
    this.now += ms;
    for (const end of [this.dialer, this.acceptor]) end.session.onTick(this.now);
  }

  openLinks(): number {
    return [...this.states.values()].filter((state) => state !== NATIVE_LINK_CLOSED).length;
  }
}

class End {
  readonly notes: Uint8Array[] = [];
  adopted: ChannelPair[] = [];
  isDeaf = false;
  isReady = true;
  context = 1;
  canMeet = true;
  outcomes: boolean[] = [];
  readonly #world: World;
  readonly #isDialer: boolean;
  #session: MailboxSession | undefined = undefined;
  #numbers = 0;

  constructor(world: World, isDialer: boolean) {
    this.#world = world;
    this.#isDialer = isDialer;
  }

  get session(): MailboxSession {
    this.#session ??= new MailboxSession(this.#link(), this.#mechanism(), {
      binding: this.#world.binding,
      regions: new RegionIds(this.#world.binding),
      now: () => this.#world.now,
    });
    return this.#session;
  }

  #link(): UpgradeLink {
    return {
      memberIndex: 1,
      linkNumber: 1,
      isDialer: this.#isDialer,
      isAuthenticated: true,
      remoteAddress: '127.0.0.1',
      nextLinkNumber: () => 100 + this.#numbers++,
      sendNote: (bytes) => this.notes.push(Uint8Array.from(bytes)),
      eventsOf: (_lane, channelOf): ChannelEvents => ({
        onRecords: (_words, _bytes, _offset, size) => size,
        onReleased: () => {},
        onClosed: (reason, detail) => this.#onClosed(channelOf(), reason, detail),
      }),
      wake: () => {},
      adopt: (pair) => {
        this.adopted.push(pair);
      },
    };
  }

  /** As transport/peer-link does it: the pair is dropped whole, then the session is told. */
  #onClosed(channel: Channel, reason: Parameters<ChannelEvents['onClosed']>[0], detail: string): void {
    const pair = this.adopted.find((adopted) => adopted.includes(channel));
    if (pair === undefined) return;
    for (const other of pair) other.close(reason, detail);
    this.session.onDowngraded(reason, detail);
  }

  #mechanism(): Mechanism {
    const world = this.#world;
    return {
      kind: 'shm',
      context: () => new Uint8Array(CONTEXT_BYTES).fill(this.context),
      offerBytes: 4,
      isReady: () => this.isReady,
      provider: () => '',
      open: () => {
        world.next += 1;
        world.states.set(world.next, 0);
        return world.next;
      },
      offerOf: (link) => new Uint8Array(new Int32Array([link]).buffer),
      meet: (link, offer) => {
        if (!this.canMeet) return -1;
        world.met.push([link, new Int32Array(offer.buffer)[0] as number]);
        world.states.set(link, NATIVE_LINK_UP);
        return 0;
      },
      stateOf: (link) => world.states.get(link) as number,
      abandon: (link) => world.states.set(link, NATIVE_LINK_CLOSED),
      onOutcome: (isUp) => this.outcomes.push(isUp),
    };
  }
}

function start(change: (world: World) => void = () => {}): World {
  const world = new World();
  change(world);
  world.acceptor.session.poll();
  world.dialer.session.poll();
  return world;
}

const test = suite('transport/mailbox-session');

test('both ends adopt a pair whose lanes have met each other, under the same link numbers', () => {
  const world = start();
  world.run();
  assert.is(world.dialer.adopted.length, 1);
  assert.is(world.acceptor.adopted.length, 1);
  const numbers = world.dialer.adopted[0]?.map((channel) => channel.linkNumber);
  assert.equal(numbers, [100, 101]);
  assert.equal(
    world.acceptor.adopted[0]?.map((channel) => channel.linkNumber),
    numbers,
  );
  // Dialler's links are 1 (bulk) and 2 (control), the acceptor's 3 and 4.
  assert.equal(world.met, [
    [3, 1],
    [4, 2],
    [1, 3],
    [2, 4],
  ]);
});

test('an acceptor sends nothing on the pair before the dialler says that both ends are up', () => {
  const world = start();
  for (const note of world.dialer.notes.splice(0)) world.acceptor.session.onNote(note);
  world.acceptor.session.poll();
  assert.is(world.acceptor.adopted.length, 0);
  world.run();
  assert.is(world.acceptor.adopted.length, 1);
});

test('another host, or another provider, is refused, and no link is left behind', () => {
  const world = start(({ acceptor }) => {
    acceptor.context = 2;
  });
  world.run();
  assert.is(world.dialer.adopted.length + world.acceptor.adopted.length, 0);
  assert.is(world.openLinks(), 0);
});

test('links that cannot meet are given up at either end', () => {
  for (const side of ['dialer', 'acceptor'] as const) {
    const world = start((fresh) => {
      fresh[side].canMeet = false;
    });
    world.run();
    world.tick(UPGRADE_MS_MAX + 1);
    assert.is(world.dialer.adopted.length + world.acceptor.adopted.length, 0, side);
    // What is open belongs to the dialler's next attempt.
    assert.is(world.openLinks(), 2, side);
  }
});

test('an offer that nobody answers ends at its deadline and is made again', () => {
  const world = start(({ acceptor }) => {
    acceptor.isDeaf = true;
  });
  world.run();
  assert.is(world.openLinks(), 2);
  world.tick(UPGRADE_MS_MAX + 1);
  assert.is(world.openLinks(), 0);
  world.acceptor.isDeaf = false;
  world.tick(UPGRADE_RETRY_MS_MIN);
  world.run();
  assert.is(world.dialer.adopted.length, 1);
});

test('each failure doubles the time until the next offer', () => {
  const world = start(({ acceptor }) => {
    acceptor.context = 2;
  });
  world.run();
  const offersWithin = (ms: number): number => {
    world.tick(ms);
    const offers = world.dialer.notes.length;
    world.run();
    return offers;
  };
  assert.is(offersWithin(UPGRADE_RETRY_MS_MIN), 1);
  assert.is(offersWithin(UPGRADE_RETRY_MS_MIN), 0);
  assert.is(offersWithin(UPGRADE_RETRY_MS_MIN), 1);
});

test('when the pair fails both ends close it, and meet again on fresh links', () => {
  const world = start();
  world.run();
  world.failures.set(1, -104);
  world.run();
  assert.is(world.states.get(1), NATIVE_LINK_CLOSED);
  assert.is(world.states.get(2), NATIVE_LINK_CLOSED);
  world.tick(UPGRADE_RETRY_MS_MIN);
  world.run();
  assert.is(world.dialer.adopted.length, 2);
  assert.is(world.acceptor.adopted.length, 2);
  assert.is(world.openLinks(), 4, 'the acceptor dropped its old links with the new offer');
});

test('a mechanism that is not ready is asked again later', () => {
  const world = start(({ dialer }) => {
    dialer.isReady = false;
  });
  world.run();
  assert.is(world.openLinks(), 0);
  world.dialer.isReady = true;
  world.tick(UPGRADE_RETRY_MS_MIN);
  world.run();
  assert.is(world.dialer.adopted.length, 1);
});

test('notes that make no sense are passed over', () => {
  const world = start();
  for (const size of [0, 1, 15, 16, 17, 100]) {
    world.acceptor.session.onNote(new Uint8Array(size).fill(1));
    world.dialer.session.onNote(new Uint8Array(size).fill(2));
  }
  world.run();
  assert.is(world.dialer.adopted.length, 1);
});

test('the end of the sockets ends the pair', () => {
  const world = start();
  world.run();
  world.dialer.session.close();
  world.acceptor.session.close();
  assert.is(world.openLinks(), 0);
});

test.run();
