/**
 * A whole cluster in one thread and virtual time, under the faults of a seed: the same core, driver, log writer, recovery and
 * session code as in production. Two phases: safety (anything may be down), then liveness (everything healed must finish).
 *
 *   tick │ draw faults → (members: disk, turn)* and clients, in drawn order, until quiet or TURNS → clocks → checkers
 *
 * Same seed, same commit: the same run to the byte.
 */
import { Prng } from '../../src/base/prng.ts';
import type { MemberIndex } from '../../src/base/types.ts';
import { LANE_SESSION_WORD as SESSION_WORD } from '../../src/memory/descriptor.ts';
import { AgreementChecker, LeadershipChecker, PersistenceChecker } from './checkers.ts';
import { FaultCounts } from './fault-counts.ts';
import { drawFaults, type FaultMix, MODERATE_FAULTS, NO_FAULTS } from './faults.ts';
import { frameAnswer } from './frame-answer.ts';
import { History } from './history.ts';
import { SimClient } from './sim-client.ts';
import { type MemberEvents, SimMember } from './sim-member.ts';
import { SimNetwork } from './sim-network.ts';
import { Trace } from './trace.ts';

export interface SimOptions {
  seed: number;
  ticks: number;
  replicas: number;
  clients: number;
  /** Draw the fault mix from the seed. */
  swarm: boolean;
  /** Overrides, for shrinking. */
  faults?: FaultMix;
}

export interface SimResult {
  seed: number;
  violation: string;
  ticks: number;
  events: number;
  chosen: number;
  acknowledged: number;
  reads: number;
  elections: number;
  counts: FaultCounts;
  faults: FaultMix;
  trace: string[];
}

const TURNS = 6;
/** Liveness: ten election timeouts. */
const HEAL_TICKS = 10 * 70;

export class Simulator {
  readonly #options: SimOptions;
  readonly #prng: Prng;
  readonly #faults: FaultMix;
  #current: FaultMix;
  readonly #counts = new FaultCounts();
  readonly #network: SimNetwork;
  readonly #members: SimMember[] = [];
  readonly #clients: SimClient[] = [];
  readonly #history = new History();
  readonly #agreement = new AgreementChecker();
  readonly #leadership = new LeadershipChecker();
  readonly #persistence: PersistenceChecker;
  readonly #trace: Trace;
  #tick = 0;
  #events = 0;
  #violation = '';
  #healTick = 0;

  constructor(options: SimOptions, trace = new Trace()) {
    this.#options = options;
    this.#trace = trace;
    this.#prng = new Prng(options.seed);
    this.#faults = options.faults ?? (options.swarm ? drawFaults(this.#prng.fork('faults')) : MODERATE_FAULTS);
    this.#current = this.#faults;
    this.#persistence = new PersistenceChecker(options.replicas);
    const now = (): number => this.#tick;
    this.#network = new SimNetwork(
      options.replicas,
      this.#prng.fork('network'),
      this.#faults,
      this.#counts,
      now,
      (from, _to, words) => {
        frameAnswer(words, this.#persistence, from);
      },
    );
    for (let m = 0; m < options.replicas; m++) {
      const prng = this.#prng.fork(`member ${m}`);
      this.#members.push(
        new SimMember(
          m,
          options.replicas,
          this.#network,
          prng,
          () => this.#current,
          this.#counts,
          now,
          this.#memberEvents(),
        ),
      );
    }
    for (let c = 0; c < options.clients; c++) {
      this.#clients.push(new SimClient(c, options.replicas, this.#prng.fork(`client ${c}`), this.#history, now));
    }
  }

  #memberEvents(): MemberEvents {
    return {
      onApplied: (member, watermark, digest) => this.#agreement.onApplied(member, watermark, digest),
      onLeader: (member, ballot) => {
        this.#leadership.onLeader(member, ballot);
        this.#say(`member ${member} leads in ballot ${ballot}`);
      },
      onRecovered: (member, life) => {
        this.#persistence.onRecovered(member, life.driver.replica.state);
        this.#say(`member ${member} starts at commit ${life.driver.replica.commitWatermark}`);
      },
      onViolation: (text) => this.#fail(text),
    };
  }

  /** The fault mix of this run. */
  get mix(): FaultMix {
    return this.#faults;
  }

  run(): SimResult {
    try {
      for (const member of this.#members) member.start(this.#clients);
      while (this.#tick < this.#options.ticks && this.#violation === '') this.#step(true);
      this.#heal();
      const end = this.#tick + HEAL_TICKS;
      while (this.#tick < end && this.#violation === '' && !this.#isSettled()) this.#step(false);
      if (this.#violation === '') this.#judge();
    } catch (error) {
      this.#fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    return this.#result();
  }

  #step(isFaulty: boolean): void {
    this.#tick += 1;
    if (isFaulty) this.#strike();
    for (const member of this.#members)
      if (!member.isUp && member.restartTick <= this.#tick) member.start(this.#clients);
    this.#route();
    for (let turn = 0; turn < TURNS; turn++) if (this.#turn(isFaulty && turn === 0) === 0) break;
    for (const member of this.#members) {
      if (member.isRunning) member.passTick();
      if (member.life?.hasFailed === true) this.#crash(member.index, 'its log failed');
      this.#events += 1;
    }
    this.#check();
  }

  /** Every running member and every client takes one turn, in drawn order. */
  #turn(isAsking: boolean): number {
    let work = 0;
    const first = this.#prng.range(0, this.#members.length);
    for (let n = 0; n < this.#members.length; n++) {
      const member = this.#members[(first + n) % this.#members.length] as SimMember;
      if (member.isRunning) work += member.turn();
    }
    for (const client of this.#clients) work += client.turn(isAsking);
    this.#events += work;
    return work;
  }

  /** The faults of one tick. */
  #strike(): void {
    const faults = this.#faults;
    const prng = this.#prng;
    if (prng.chance(faults.partition)) {
      this.#network.partition();
      this.#healTick = this.#tick + prng.range(1, 2 * faults.partitionTicks + 2);
      this.#say('the network is partitioned');
    }
    if (this.#healTick === this.#tick) this.#network.heal();
    if (prng.chance(faults.powerCut)) {
      this.#counts.powerCut += 1;
      for (const member of this.#members) this.#crash(member.index, 'the power is cut');
    }
    for (const member of this.#members) this.#strikeMember(member);
    if (prng.chance(faults.misroute)) this.#misroute();
    if (prng.chance(faults.transfer)) this.#transfer();
  }

  #strikeMember(member: SimMember): void {
    const faults = this.#faults;
    const prng = this.#prng;
    if (prng.chance(faults.crash) && member.isUp) {
      this.#counts.crash += 1;
      this.#crash(member.index, 'crash');
    }
    if (prng.chance(faults.pause) && member.isRunning) {
      this.#counts.pause += 1;
      member.pausedUntil = this.#tick + prng.range(1, faults.pauseTicks + 2);
      this.#say(`member ${member.index} pauses until ${member.pausedUntil}`);
    }
    if (faults.drift > 0 && prng.chance(0.001)) {
      this.#counts.drift += 1;
      member.rate = 1 - faults.drift + 2 * faults.drift * prng.float();
    }
  }

  #crash(index: MemberIndex, why: string): void {
    const member = this.#members[index] as SimMember;
    if (!member.isUp) return;
    member.crash(this.#tick + this.#prng.range(1, 2 * this.#faults.restartTicks + 2));
    this.#say(`member ${index} is down (${why})`);
  }

  /** Clients follow the leader of the highest ballot that is up. */
  #route(): void {
    let leader: SimMember | undefined;
    for (const member of this.#members) {
      const state = member.life?.driver.replica.state;
      if (state === undefined || !member.life?.driver.replica.isLeader) continue;
      if (leader === undefined || state.promisedBallot > (leader.life?.driver.replica.state.promisedBallot ?? 0))
        leader = member;
    }
    if (leader === undefined) return;
    const serial = leader.life?.driver.replica.state.leadershipSerial ?? 0;
    for (const client of this.#clients) {
      for (const lane of [client.writes, client.reads]) {
        if (lane.routedTo !== leader.index || lane.routedSerial !== serial) lane.route(leader.index, serial);
      }
    }
  }

  /** A client believes in somebody else for a moment: its commands are sent again later. */
  #misroute(): void {
    this.#counts.misroute += 1;
    const client = this.#prng.pick(this.#clients);
    const member = this.#prng.pick(this.#members);
    const serial = member.life?.driver.replica.state.leadershipSerial ?? 0;
    if (serial > 0) client.writes.route(member.index, serial);
    else client.writes.unroute();
  }

  #transfer(): void {
    const target = this.#prng.pick(this.#members);
    for (const member of this.#members) {
      if (!member.isRunning || member.life?.driver.replica.isLeader !== true || member === target) continue;
      this.#counts.transfer += 1;
      member.life.driver.transfer(target.index);
    }
  }

  /** From here on nothing fails: everybody must catch up and every command must be answered. */
  #heal(): void {
    this.#current = NO_FAULTS;
    this.#network.faults = NO_FAULTS;
    this.#network.heal();
    for (const member of this.#members) {
      member.pausedUntil = 0;
      member.rate = 1;
      if (member.isUp) this.#crash(member.index, 'restarted on a sound disk');
      member.restartTick = this.#tick;
    }
    this.#say('healed');
  }

  #isSettled(): boolean {
    if (this.#clients.some((client) => client.inFlight > 0 || !client.writes.isOpen)) return false;
    const leader = this.#members.find((member) => member.life?.driver.replica.isLeader === true)?.life;
    if (leader === undefined || leader.driver.appliedWatermark < leader.driver.replica.readIndex) return false;
    const applied = this.#members.map((member) => member.life?.driver.appliedWatermark ?? -1);
    return applied.every((watermark) => watermark === applied[0] && watermark > 0);
  }

  #check(): void {
    for (const text of [
      this.#agreement.violation,
      this.#leadership.violation,
      this.#persistence.violation,
      this.#history.violation,
    ]) {
      if (text !== '') this.#fail(text);
    }
    for (const client of this.#clients) if (client.violation !== '') this.#fail(client.violation);
  }

  #judge(): void {
    if (!this.#isSettled()) {
      const where = this.#members
        .map((m) => `${m.life?.driver.appliedWatermark}/${m.life?.driver.replica.commitWatermark}`)
        .join(' ');
      this.#fail(`no progress within ${HEAL_TICKS} ticks after healing (applied/commit ${where})`);
      return;
    }
    const judgement = this.#history.judge();
    if (judgement !== '') this.#fail(judgement);
    for (const member of this.#members) this.#checkAcknowledged(member);
  }

  /** Everything acknowledged is in every machine. */
  #checkAcknowledged(member: SimMember): void {
    const machine = member.life?.machine;
    for (const client of this.#clients) {
      const session = client.writes.words[SESSION_WORD] as number;
      if (client.acknowledged > 0 && (machine?.numbers.get(session) ?? 0) < client.acknowledged) {
        this.#fail(`member ${member.index} lost acknowledged commands of session ${session}`);
      }
    }
  }

  #fail(text: string): void {
    if (this.#violation !== '') return;
    this.#violation = `tick ${this.#tick}: ${text}`;
    this.#say(text);
  }

  #say(text: string): void {
    this.#trace.add(this.#tick, text);
  }

  #result(): SimResult {
    return {
      seed: this.#options.seed,
      violation: this.#violation,
      ticks: this.#tick,
      events: this.#events + this.#network.frames,
      chosen: this.#agreement.chosen,
      acknowledged: this.#clients.reduce((sum, client) => sum + client.acknowledged, 0),
      reads: this.#history.operations.filter((operation) => operation.isRead).length,
      elections: this.#leadership.elections,
      counts: this.#counts,
      faults: this.#faults,
      trace: this.#trace.last(),
    };
  }
}
