/**
 * Runs a script over a ScriptCluster and gives it back with what happened under each command.
 *
 *   # a comment
 *   > members 3            every line that starts with `> ` is a command
 *   > campaign 0
 *   what happened          all other lines are output, written anew at each run
 *
 * Commands: members N [prepare P accept A] [weak] [lease MS]; clock M|all MS; lease M; campaign M; tick M|all [N]; propose M TEXT; read M; suspect M OTHER; transfer M OTHER;
 * persist M|all [N]; deliver|drop|duplicate [first] [KIND] [FROM>TO|FROM>|>TO]; cut FROM>TO; heal; crash M; restart M;
 * stabilize; show [M]. `quiet` before a command hides what it says. `weak`: all values of one length share a checksum.
 */
import type { MemberIndex } from '../../src/base/types.ts';
import { type LeaseTerms, NO_LEASE } from '../../src/paxos/lease.ts';
import { kindName, M_FROM, M_KIND, M_TO } from '../../src/paxos/message.ts';
import { Quorums } from '../../src/paxos/quorum.ts';
import { type Envelope, hash, ScriptCluster } from './script-cluster.ts';

const STABILIZE_DELIVERIES_MAX = 10_000;

export function runScript(text: string): string {
  const interpreter = new Interpreter();
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('> ')) lines.push(line, ...interpreter.run(line.slice(2).trim().split(/\s+/)));
    else if (line.startsWith('#') || line === '') lines.push(line);
  }
  return lines.join('\n');
}

class Interpreter {
  #cluster: ScriptCluster | undefined;
  #said: string[] = [];

  run(words: readonly string[]): string[] {
    this.#said = [];
    const isQuiet = words[0] === 'quiet';
    const [verb = '', ...rest] = isQuiet ? words.slice(1) : words;
    let fault: string[] = [];
    try {
      this.#execute(verb, rest);
    } catch (error) {
      fault = [`! ${(error as Error).message}`];
    }
    return [...(isQuiet ? [] : this.#said), ...fault];
  }

  get #group(): ScriptCluster {
    if (this.#cluster === undefined) throw new Error('a script begins with `members N`');
    return this.#cluster;
  }

  #execute(verb: string, words: readonly string[]): void {
    const run = this.#verbs[verb];
    if (run === undefined) throw new Error(`unknown command ${verb}`);
    run(words);
  }

  readonly #verbs: Readonly<Record<string, (words: readonly string[]) => void>> = {
    members: (words) => this.#begin(words),
    campaign: ([member]) => this.#group.campaign(Number(member)),
    tick: ([who, times]) => this.#repeat(who, Number(times ?? 1), (member) => this.#group.tick(member)),
    propose: ([member, value]) => this.#group.propose(Number(member), value as string),
    read: ([member]) => this.#group.beginRead(Number(member)),
    clock: ([who, ms]) => this.#repeat(who, 1, (member) => this.#group.passTime(member, Number(ms))),
    lease: ([member]) => {
      const holds = this.#group.member(Number(member)).replica.holdsLease;
      this.#said.push(`${member} ${holds ? 'may read' : 'may not read'} without asking`);
    },
    confirmed: ([member]) => {
      this.#said.push(`${member} confirmed round ${this.#group.member(Number(member)).replica.confirmedRound}`);
    },
    transfer: ([member, other]) => this.#group.transfer(Number(member), Number(other)),
    suspect: ([member, other]) => this.#group.suspect(Number(member), Number(other)),
    persist: ([who, count]) => {
      this.#repeat(who, 1, (member) => this.#group.persist(member, count === undefined ? undefined : Number(count)));
    },
    deliver: (words) => {
      for (const envelope of this.#take(words)) this.#group.deliver(envelope);
    },
    drop: (words) => void this.#take(words),
    duplicate: (words) => this.#group.network.push(...this.#matching(words)),
    cut: ([link]) => void this.#group.cuts.add(link as string),
    heal: () => this.#group.cuts.clear(),
    crash: ([member]) => this.#group.crash(Number(member)),
    restart: ([member]) => this.#group.restart(Number(member)),
    stabilize: () => this.#stabilize(),
    show: ([who]) => {
      this.#repeat(who ?? 'all', 1, (member) => this.#said.push(`${member} ${this.#group.describeMember(member)}`));
    },
  };

  #begin(words: readonly string[]): void {
    const after = (word: string): number | undefined =>
      words.includes(word) ? Number(words[words.indexOf(word) + 1]) : undefined;
    const quorums = new Quorums(Number(words[0]), after('prepare'), after('accept'));
    const lease: LeaseTerms = { ...NO_LEASE, leaseMs: after('lease') ?? 0, driftPpm: 10_000, countsSuspend: true };
    const checksum = words.includes('weak') ? (value: string): number => value.length : hash;
    this.#cluster = new ScriptCluster(quorums, lease, checksum, (line) => this.#said.push(line));
  }

  #repeat(who: string | undefined, times: number, act: (member: MemberIndex) => void): void {
    for (let n = 0; n < times; n++) {
      if (who !== 'all') act(Number(who));
      else for (let member = 0; member < this.#group.members.length; member++) act(member);
    }
  }

  #matching(words: readonly string[]): Envelope[] {
    const link = words.find((word) => word.includes('>'));
    const kind = words.find((word) => /^[A-Z_]+$/.test(word));
    const [from = '', to = ''] = link?.split('>') ?? [];
    const matches = this.#group.network.filter(
      ({ words: message }) =>
        (kind === undefined || kindName(message[M_KIND] as number) === kind) &&
        (from === '' || message[M_FROM] === Number(from)) &&
        (to === '' || message[M_TO] === Number(to)),
    );
    if (matches.length === 0) throw new Error('no such message is under way');
    return words.includes('first') ? matches.slice(0, 1) : matches;
  }

  #take(words: readonly string[]): Envelope[] {
    const group = this.#group;
    const taken = this.#matching(words);
    for (const envelope of taken) group.network.splice(group.network.indexOf(envelope), 1);
    return taken;
  }

  #stabilize(): void {
    for (let left = STABILIZE_DELIVERIES_MAX; left > 0; left--) {
      this.#repeat('all', 1, (member) => this.#group.persist(member));
      const envelope = this.#group.network.shift();
      if (envelope === undefined) return;
      this.#group.deliver(envelope);
    }
    throw new Error('the messages never end');
  }
}
