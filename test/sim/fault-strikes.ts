/**
 * Draws the faults of a tick and lets them strike: network, power, members, media, clients. Each class has its own generator, so that turning
 * one off leaves the draws of the others as they were.
 *
 *   tick ─▶ network ─▶ power ─▶ each member: crash, pause, clock, persist point, disk ─▶ one medium ─▶ clients
 *
 * At most one member at a time may have forgotten what it said: two at once wait for an operator (S12).
 */
import type { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import type { FaultCounts } from './fault-counts.ts';
import type { FaultMix } from './faults.ts';
import type { SimClient } from './sim-client.ts';
import type { SimMember } from './sim-member.ts';
import type { SimNetwork } from './sim-network.ts';

/** Share of the crashes at persist points that is at a step of a snapshot. */
const SNAPSHOT_POINT_CHANCE = 0.3;
/** Chance per tick of a member that puts an image in place: few ticks, few members. */
const RESTORING_CHANCE = 0.3;
const LOOP_CRASHES_MIN = 3;
const LOOP_CRASHES_MAX = 7;
/** A crash of a loop comes at most so long after a start. */
const LOOP_TICKS_MAX = 8;

/** What the strikes need of the simulator. */
export interface Struck {
  readonly members: readonly SimMember[];
  readonly clients: readonly SimClient[];
  readonly network: SimNetwork;
  readonly counts: FaultCounts;
  now(): number;
  crash(member: MemberIndex, why: string): void;
  restartClient(client: SimClient): void;
  say(text: string): void;
}

/** A member that crashes again and again. */
interface Loop {
  crashesLeft: number;
  crashTick: number;
  lives: number;
}

function isUnsound({ isForgetful, snapshots, life }: SimMember): boolean {
  return isForgetful || snapshots.isDoubtful(life?.groups);
}

export class FaultStrikes {
  readonly #struck: Struck;
  readonly #faults: FaultMix;
  readonly #prng: Prng;
  readonly #linkPrng: Prng;
  readonly #mediumPrng: Prng;
  readonly #clockPrng: Prng;
  readonly #pointPrng: Prng;
  readonly #clientPrng: Prng;
  readonly #snapshotPrng: Prng;
  readonly #slowPrng: Prng;
  readonly #suspicionPrng: Prng;
  readonly #replayPrng: Prng;
  readonly #deathPrng: Prng;
  readonly #loops = new Map<MemberIndex, Loop>();

  constructor(struck: Struck, faults: FaultMix, prng: Prng) {
    this.#struck = struck;
    this.#faults = faults;
    this.#prng = prng;
    this.#linkPrng = prng.fork('links');
    this.#mediumPrng = prng.fork('medium');
    this.#clockPrng = prng.fork('clocks');
    this.#pointPrng = prng.fork('points');
    this.#clientPrng = prng.fork('requests');
    this.#snapshotPrng = prng.fork('snapshots');
    this.#slowPrng = prng.fork('sluggish');
    this.#suspicionPrng = prng.fork('suspicion');
    this.#replayPrng = prng.fork('replay');
    this.#deathPrng = prng.fork('client deaths');
  }

  /** The faults of one tick. */
  strike(): void {
    this.#strikeNetwork();
    if (this.#prng.chance(this.#faults.powerCut)) {
      this.#struck.counts.powerCut += 1;
      for (const { index } of this.#struck.members) this.#struck.crash(index, 'the power is cut');
    }
    for (const member of this.#struck.members) {
      this.#strikeProcess(member);
      this.#strikeClock(member);
      this.#strikePoint(member);
      this.#strikeSpace(member);
    }
    this.suspect(this.#suspicionPrng.pick(this.#struck.members), this.#faults.falseSuspicion);
    this.#strikeMedium();
    this.#strikeSnapshots();
    this.#strikeClients();
  }

  #strikeNetwork(): void {
    const { network } = this.#struck;
    const faults = this.#faults;
    const now = this.#struck.now();
    if (this.#prng.chance(faults.partition)) {
      network.cuts.partition(now + this.#prng.range(1, 2 * faults.partitionTicks + 2));
      this.#struck.say('the network is partitioned');
    }
    if (this.#linkPrng.chance(faults.mesh)) {
      network.cuts.mesh(now + this.#linkPrng.range(1, 2 * faults.partitionTicks + 2));
      this.#struck.say('part of the links stand');
    }
    if (this.#linkPrng.chance(faults.flap)) network.cuts.flap(now, faults.flapTicks);
    if (this.#linkPrng.chance(faults.clog)) network.clog();
    if (this.#replayPrng.chance(faults.replay)) network.replay();
  }

  #strikeProcess(member: SimMember): void {
    const { counts, now, say, crash } = this.#struck;
    const faults = this.#faults;
    if (this.#prng.chance(faults.crash) && member.isUp) {
      counts.crash += 1;
      crash(member.index, 'crash');
    }
    if (this.#prng.chance(faults.pause) && member.isRunning) {
      counts.pause += 1;
      member.pausedUntil = now() + this.#prng.range(1, faults.pauseTicks + 2);
      member.clock.wasStopped = true;
      say(`member ${member.index} pauses until ${member.pausedUntil}`);
    }
  }

  /** The others are told that a member is gone, with chance `chance`; each takes it as it may. */
  suspect(gone: SimMember, chance: number): void {
    const prng = this.#suspicionPrng;
    if (!prng.chance(chance)) return;
    if (gone.isUp) this.#struck.counts.falseSuspicion += 1;
    else this.#struck.counts.suspicion += 1;
    for (const member of this.#struck.members)
      if (member !== gone && member.isRunning && prng.chance(0.8)) member.life?.host.suspect(gone.index);
  }

  /** Clocks run fast or slow, jump ahead, or stand still and go on from there. */
  #strikeClock(member: SimMember): void {
    const { counts } = this.#struck;
    const { drift, clockJump, clockJumpTicks } = this.#faults;
    if (drift > 0 && this.#prng.chance(0.001)) {
      counts.drift += 1;
      member.clock.rate = 1 - drift + 2 * drift * this.#prng.float();
    }
    if (!this.#clockPrng.chance(clockJump)) return;
    const isAhead = this.#clockPrng.chance(0.5);
    const ticks = this.#clockPrng.range(1, clockJumpTicks + 2);
    member.clock.debt += isAhead ? ticks : -ticks;
    if (isAhead) counts.clockJump += 1;
    else counts.clockStop += 1;
  }

  /** Crashes at persist points, and crash loops through recovery. */
  #strikePoint(member: SimMember): void {
    const { crashPoint, crashLoop } = this.#faults;
    const prng = this.#pointPrng;
    const isRestoring = crashPoint > 0 && member.snapshots.isRestoring(member.life?.groups);
    if (prng.chance(isRestoring ? RESTORING_CHANCE : crashPoint) && !member.points.isArmed) {
      if (isRestoring || prng.chance(SNAPSHOT_POINT_CHANCE)) member.points.drawSnapshot(prng, isRestoring);
      else member.points.draw(prng);
    }
    if (prng.chance(crashLoop) && member.isUp && !this.#loops.has(member.index)) {
      this.#struck.counts.crashLoop += 1;
      const crashesLeft = prng.range(LOOP_CRASHES_MIN, LOOP_CRASHES_MAX);
      this.#loops.set(member.index, { crashesLeft, crashTick: 0, lives: member.lives });
      this.#struck.crash(member.index, 'crash loop');
    }
    const loop = this.#loops.get(member.index);
    if (loop !== undefined) this.#goRound(member, loop);
  }

  /** One look at a crash loop: a crash in the coming recovery is armed while down, one soon after a start falls due. */
  #goRound(member: SimMember, loop: Loop): void {
    const prng = this.#pointPrng;
    const now = this.#struck.now();
    if (!member.isUp) {
      member.restartTick = Math.min(member.restartTick, now + LOOP_TICKS_MAX);
      if (member.lives === loop.lives && !member.points.isArmed && prng.chance(0.5)) member.points.drawSegment(prng);
    }
    if (member.lives !== loop.lives) {
      loop.lives = member.lives;
      loop.crashesLeft -= 1;
      loop.crashTick = now + prng.range(0, LOOP_TICKS_MAX);
    }
    if (member.isUp && now >= loop.crashTick && loop.crashTick > 0) this.#struck.crash(member.index, 'crash loop');
    if (loop.crashesLeft <= 0) this.#loops.delete(member.index);
  }

  #strikeSpace(member: SimMember): void {
    const { diskFull, diskFullTicks, sluggish, sluggishTicks } = this.#faults;
    if (this.#slowPrng.chance(sluggish)) {
      this.#struck.counts.sluggish += 1;
      member.disk.sluggishUntil = this.#struck.now() + this.#slowPrng.range(1, 2 * sluggishTicks + 2);
      this.#struck.say(`the disk of member ${member.index} is sluggish until ${member.disk.sluggishUntil}`);
    }
    if (!this.#mediumPrng.chance(diskFull)) return;
    this.#struck.counts.diskFull += 1;
    member.disk.fullUntil = this.#struck.now() + this.#mediumPrng.range(1, 2 * diskFullTicks + 2);
    this.#struck.say(`the disk of member ${member.index} is full until ${member.disk.fullUntil}`);
  }

  /** One medium at a time is unsound: what two have lost may be lost for good. */
  #strikeSnapshots(): void {
    if (!this.#snapshotPrng.chance(this.#faults.snapshotRot)) return;
    const { members, counts, say } = this.#struck;
    if (members.length < 3 || members.some(isUnsound)) return;
    const member = this.#snapshotPrng.pick(members);
    if (!member.snapshots.rot(this.#snapshotPrng, member.life?.groups)) return;
    counts.snapshotRot += 1;
    say(`the newest snapshot of member ${member.index} rots`);
  }

  /** The medium of one member damages something, or loses everything. */
  #strikeMedium(): void {
    const { members, crash } = this.#struck;
    const prng = this.#mediumPrng;
    const rots = prng.chance(this.#faults.bitRot);
    const strays = prng.chance(this.#faults.misdirect);
    const wipes = prng.chance(this.#faults.wipe);
    if (!rots && !strays && !wipes) return;
    if (members.length < 3 || members.some(isUnsound)) return;
    const member = prng.pick(members);
    const isNoticedAtOnce = prng.chance(0.7);
    if (wipes) this.#wipe(member, prng);
    else if (strays) member.misdirect();
    else if (member.rot(prng, prng.chance(this.#faults.idleRot)))
      this.#struck.say(`the disk of member ${member.index} rots`);
    if (isNoticedAtOnce && !strays && member.isForgetful) crash(member.index, 'its medium fails');
  }

  #wipe(member: SimMember, prng: Prng): void {
    const { counts, crash, say } = this.#struck;
    crash(member.index, 'its directory is lost');
    const mayRejoin = prng.chance(0.6);
    member.wipe(mayRejoin);
    if (mayRejoin) counts.wipedDirectory += 1;
    else counts.refusedDirectory += 1;
    say(`member ${member.index} lost its directory and ${mayRejoin ? 'may rejoin' : 'stays out'}`);
  }

  /** Clients believe in somebody else, send again what is unanswered, or their requests stay on the way. */
  #strikeClients(): void {
    const { members, clients, counts, now, restartClient } = this.#struck;
    const { misroute, transfer, resend, hold, holdTicks } = this.#faults;
    const prng = this.#clientPrng;
    if (this.#prng.chance(misroute) && clients.every(({ home }) => home < 0)) {
      counts.misroute += 1;
      const member = prng.pick(members);
      const client = prng.pick(clients);
      const serial = member.life?.groups[client.group]?.driver.replica.state.leadershipSerial ?? 0;
      client.believe(member.index, serial, now() + prng.range(0, holdTicks + 2));
    }
    if (this.#deathPrng.chance(this.#faults.clientDeath)) restartClient(this.#deathPrng.pick(clients));
    if (prng.chance(resend)) counts.resend += prng.pick(clients).sendAgain();
    if (prng.chance(hold)) prng.pick(clients).hold(now() + prng.range(1, holdTicks + 2));
    if (this.#prng.chance(transfer)) this.#transfer();
  }

  #transfer(): void {
    const target = this.#prng.pick(this.#struck.members);
    for (const member of this.#struck.members) {
      if (!member.isRunning || member === target) continue;
      for (const { driver } of member.life?.groups ?? []) {
        if (!driver.replica.isLeader) continue;
        this.#struck.counts.transfer += 1;
        driver.transfer(target.index);
      }
    }
  }
}
