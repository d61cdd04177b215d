/**
 * A whole cluster in one thread and virtual time, under the faults of a seed: the same core, driver, log writer, recovery and
 * session code as in production. Two phases: safety (anything may be down), then liveness (everything healed must finish).
 *
 *   tick │ draw faults → (members: disk, turn)* and clients, in drawn order, until quiet or TURNS → clocks → checkers
 *
 * Same seed, same commit: the same run to the byte.
 */
import { Prng } from '../../src/base/prng.ts';
import type { GroupId, MemberIndex } from '../../src/base/types.ts';
import { FaultCounts } from './fault-counts.ts';
import { FaultStrikes, type Struck } from './fault-strikes.ts';
import { drawFaults, type FaultMix, MODERATE_FAULTS, NO_FAULTS } from './faults.ts';
import { Judges } from './judges.ts';
import { addLanes, removeLanes } from './member-lanes.ts';
import { SimClient } from './sim-client.ts';
import { type Life, type MemberEvents, SimMember } from './sim-member.ts';
import { SimNetwork } from './sim-network.ts';
import { type PartTimes, Stopwatch } from './speed.ts';
import { Trace } from './trace.ts';

export interface SimOptions {
  seed: number;
  ticks: number;
  replicas: number;
  clients: number;
  /** Groups that share each member's log; client c asks group c modulo groups. 1 where nothing is said. */
  groups?: number;
  /** Every member is a node: clients live and die with one, which forwards what they ask. */
  nodes?: boolean;
  /** Draw the fault mix from the seed. */
  swarm: boolean;
  /** Overrides, for shrinking. */
  faults?: FaultMix;
  /** From a tick on frames pass only from the first to the second of these pairs, until everything is healed. */
  mesh?: { fromTick: number; links: readonly (readonly [MemberIndex, MemberIndex])[] };
}

export interface SimResult {
  seed: number;
  violation: string;
  ticks: number;
  events: number;
  chosen: number;
  acknowledged: number;
  /** Before everything was healed. */
  acknowledgedUnderFaults: number;
  reads: number;
  elections: number;
  counts: FaultCounts;
  /** Histories of keys judged without the witness. */
  judgements: number;
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
  readonly #strikes: FaultStrikes;
  readonly #judges: Judges;
  readonly #trace: Trace;
  readonly #stopwatch = new Stopwatch();
  #tick = 0;
  #events = 0;
  #violation = '';
  #acknowledgedUnderFaults = 0;

  constructor(options: SimOptions, trace = new Trace()) {
    this.#options = options;
    this.#trace = trace;
    this.#prng = new Prng(options.seed);
    this.#faults = options.faults ?? (options.swarm ? drawFaults(this.#prng.fork('faults')) : MODERATE_FAULTS);
    this.#current = this.#faults;
    const groups = options.groups ?? 1;
    const judges = new Judges(groups, options.replicas);
    this.#judges = judges;
    const now = (): number => this.#tick;
    this.#network = new SimNetwork(
      options.replicas,
      this.#prng.fork('network'),
      this.#faults,
      this.#counts,
      now,
      (from, to, words, start) => {
        judges.onFrame(from, words, start);
        if (trace.isFull) trace.addFrame(this.#tick, to, words, start);
      },
    );
    for (let m = 0; m < options.replicas; m++) {
      const prng = this.#prng.fork(`member ${m}`);
      this.#members.push(
        new SimMember(
          m,
          options.replicas,
          groups,
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
      const group = c % groups;
      const { history } = judges.of(group);
      const prng = this.#prng.fork(`client ${c}`);
      const client = new SimClient(c, group, options.replicas, prng, history, this.#counts, now);
      if (options.nodes === true) client.home = c % options.replicas;
      this.#clients.push(client);
    }
    this.#strikes = new FaultStrikes(this.#struck(now), this.#faults, this.#prng.fork('strikes'));
  }

  #struck(now: () => number): Struck {
    return {
      members: this.#members,
      clients: this.#clients,
      network: this.#network,
      counts: this.#counts,
      now,
      crash: (member, why) => this.#crash(member, why),
      restartClient: (client) => this.#restart(client),
      say: (text) => this.#say(text),
    };
  }

  #memberEvents(): MemberEvents {
    return {
      onStart: (member) => this.#judges.onStart(member),
      onRecord: (member, record) => this.#judges.onRecord(member, record),
      onCommit: (member, group, watermark) => this.#judges.of(group).votes.onCommit(member, watermark),
      onApplied: (member, group, watermark, digest) =>
        this.#judges.of(group).agreement.onApplied(member, watermark, digest),
      onLeader: (member, group, ballot) => {
        this.#judges.of(group).leadership.onLeader(member, ballot);
        this.#say(`member ${member} leads group ${group} in ballot ${ballot}`);
      },
      onRecovered: (member, life) => this.#onRecovered(member, life),
      onDown: (member, why) => this.#goDown(member, why),
      onViolation: (text) => this.#fail(text),
    };
  }

  #onRecovered(member: MemberIndex, life: Life): void {
    for (const { driver } of life.groups) {
      this.#judges.of(driver.groupId).persistence.onRecovered(member, driver.replica.state);
      const way = driver.replica.state.isRejoining ? ', and has forgotten' : '';
      this.#say(`member ${member} starts group ${driver.groupId} at commit ${driver.replica.commitWatermark}${way}`);
    }
  }

  /** Wall-clock times, which are no part of the result: that is the same for every run of a seed. */
  get times(): PartTimes {
    return this.#stopwatch.times;
  }

  /** The fault mix of this run. */
  get mix(): FaultMix {
    return this.#faults;
  }

  run(): SimResult {
    try {
      for (const member of this.#members) member.start(this.#clients);
      while (this.#tick < this.#options.ticks && this.#violation === '') this.#step(true);
      this.#acknowledgedUnderFaults = this.#acknowledged;
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
    const watch = this.#stopwatch;
    this.#tick += 1;
    watch.begin(this.#tick);
    if (isFaulty) this.#strikes.strike();
    const mesh = this.#options.mesh;
    if (mesh?.fromTick === this.#tick) this.#network.cuts.keepOnly(mesh.links);
    this.#network.tick();
    watch.lap('faults');
    for (const member of this.#members)
      if (!member.isUp && !member.isOut && member.restartTick <= this.#tick) member.start(this.#clients);
    watch.lap('recoveries');
    for (const client of this.#clients) if (client.isLost) this.#restart(client);
    this.#route();
    for (let turn = 0; turn < TURNS; turn++) if (this.#turn(isFaulty && turn === 0) === 0) break;
    watch.lap('turns');
    for (const member of this.#members) {
      member.clock.pass();
      if (member.isRunning) member.passTick();
      if (member.life?.hasFailed === true) this.#crash(member.index, 'its log failed');
      this.#events += 1;
    }
    watch.lap('time');
    this.#check();
    watch.lap('checks');
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

  #crash(index: MemberIndex, why: string): void {
    const member = this.#members[index] as SimMember;
    if (member.isUp) this.#goDown(index, why);
  }

  #goDown(index: MemberIndex, why: string): void {
    const member = this.#members[index] as SimMember;
    member.crash(this.#tick + this.#prng.range(1, 2 * this.#faults.restartTicks + 2));
    this.#say(`member ${index} is down (${why})`);
    this.#strikes.suspect(member, this.#current.suspicion);
    for (const client of this.#clients) if (client.home === index) this.#restart(client);
  }

  /** The client died, alone or with its node; it begins anew, as a client of nodes at a drawn one. */
  #restart(client: SimClient): void {
    const hosts = this.#members.flatMap(({ index, life }) => {
      const host = life?.groups[client.group]?.host;
      return host === undefined ? [] : [{ index, host }];
    });
    for (const { host } of hosts) removeLanes(host, client);
    const isOfNode = client.home >= 0;
    client.restart(isOfNode ? this.#prng.pick(this.#members.filter(({ isOut }) => !isOut)).index : client.home);
    // Who is down finds the lanes when it starts.
    for (const { index, host } of hosts) addLanes(host, index, client);
  }

  /** Clients follow their group's leader of the highest ballot that is up, or stay with their node. */
  #route(): void {
    if (this.#options.nodes === true) {
      for (const client of this.#clients) {
        const member = this.#members[client.home] as SimMember;
        if (member.isOut) this.#restart(client);
        else if (member.isUp) client.follow(member.index, member.lives);
      }
      return;
    }
    for (let group = 0; group < this.#judges.groups.length; group++) {
      const leader = this.#leaderOf(group);
      const serial = leader?.life?.groups[group]?.driver.replica.state.leadershipSerial ?? 0;
      if (leader === undefined) continue;
      for (const client of this.#clients) if (client.group === group) client.follow(leader.index, serial);
    }
  }

  #leaderOf(group: GroupId): SimMember | undefined {
    let leader: SimMember | undefined;
    let highest = -1;
    for (const member of this.#members) {
      const replica = member.life?.groups[group]?.driver.replica;
      if (replica === undefined || !replica.isLeader || replica.state.promisedBallot <= highest) continue;
      leader = member;
      highest = replica.state.promisedBallot;
    }
    return leader;
  }

  /** From here on nothing fails: everybody must catch up and every command must be answered. */
  #heal(): void {
    this.#current = NO_FAULTS;
    this.#network.faults = NO_FAULTS;
    this.#network.heal();
    for (const member of this.#members) {
      member.pausedUntil = 0;
      member.clock.heal();
      member.points.disarm();
      member.disk.fullUntil = 0;
      member.disk.sluggishUntil = 0;
      if (member.isUp) this.#crash(member.index, 'restarted on a sound disk');
      member.restartTick = this.#tick;
    }
    this.#drawCore();
    this.#say('healed');
  }

  /** Progress must not need everybody: sometimes a minority stays down for ever. Who forgot needs all others, so then nobody does. */
  #drawCore(): void {
    const prng = this.#prng.fork('left out');
    const isSound = ({ isOut, isForgetful, snapshots, life }: SimMember): boolean =>
      !isOut && !isForgetful && !snapshots.isDoubtful(life?.groups);
    if (!prng.chance(0.7) || !this.#members.every(isSound)) return;
    const spared = prng.range(1, (this.#members.length + 1) >> 1);
    const first = prng.range(0, this.#members.length);
    for (let n = 0; n < spared; n++) {
      const member = this.#members[(first + n) % this.#members.length] as SimMember;
      member.isOut = true;
      this.#counts.leftOut += 1;
      this.#say(`member ${member.index} stays down for ever`);
    }
  }

  #isSettled(): boolean {
    if (this.#clients.some((client) => client.inFlight > 0 || !client.writes.isOpen)) return false;
    return this.#judges.groups.every((_, group) => this.#isGroupSettled(group));
  }

  #isGroupSettled(group: GroupId): boolean {
    const leader = this.#leaderOf(group)?.life?.groups[group]?.driver;
    if (leader === undefined || leader.appliedWatermark < leader.replica.readIndex) return false;
    const applied = this.#members
      .filter((member) => !member.isOut)
      .map((member) => member.life?.groups[group]?.driver.appliedWatermark ?? -1);
    return applied.every((watermark) => watermark === applied[0] && watermark > 0);
  }

  #check(): void {
    if (this.#judges.violation !== '') this.#fail(this.#judges.violation);
    for (const client of this.#clients) if (client.violation !== '') this.#fail(client.violation);
  }

  #judge(): void {
    if (!this.#isSettled()) {
      this.#fail(`no progress within ${HEAL_TICKS} ticks after healing (applied/commit ${this.#where()})`);
      return;
    }
    for (const { history } of this.#judges.groups) {
      const judgement = history.judge();
      if (judgement !== '') this.#fail(judgement);
    }
    for (const member of this.#members) if (!member.isOut) this.#checkAcknowledged(member);
  }

  #where(): string {
    const groupsOf = (member: SimMember): string =>
      (member.life?.groups ?? [])
        .map(({ driver: { appliedWatermark, replica } }) => `${appliedWatermark}/${replica.commitWatermark}`)
        .join(',');
    return this.#members.map((member) => groupsOf(member) || 'down').join(' ');
  }

  /** Everything acknowledged is in every machine. */
  #checkAcknowledged(member: SimMember): void {
    for (const { group, session, ended } of this.#clients) {
      const numbers = member.life?.groups[group]?.machine.numbers;
      for (const { name, acknowledged } of [...ended, session])
        if (acknowledged > 0 && (numbers?.get(name) ?? 0) < acknowledged)
          this.#fail(`member ${member.index} lost acknowledged commands of session ${name}`);
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

  get #acknowledged(): number {
    return this.#clients.reduce((sum, client) => sum + client.acknowledgedEver, 0);
  }

  #result(): SimResult {
    return {
      seed: this.#options.seed,
      violation: this.#violation,
      ticks: this.#tick,
      events: this.#events + this.#network.frames,
      chosen: this.#judges.sum(({ agreement }) => agreement.chosen),
      acknowledged: this.#acknowledged,
      acknowledgedUnderFaults: this.#acknowledgedUnderFaults,
      reads: this.#judges.sum(({ history }) => history.reads),
      elections: this.#judges.sum(({ leadership }) => leadership.elections),
      counts: this.#counts,
      judgements: this.#judges.sum(({ history }) => history.judgements),
      faults: this.#faults,
      trace: this.#trace.last(),
    };
  }
}
