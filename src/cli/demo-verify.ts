/**
 * Exactly once, checked: what every replica's machine says it applied for a client, against what that client issued and
 * what was acknowledged to it; and the replicas against each other.
 */
import type { IssuedLedger } from './issued-ledger.ts';

/** What a replica's machine tells about one client. */
export interface ClientReport {
  client: number;
  /** Commands applied. */
  count: number;
  /** Number of the last applied command. */
  lastNumber: number;
  /** Order-sensitive digest of everything applied. */
  digest: number;
}

export interface ReplicaReport {
  shard: number;
  replica: number;
  /** Commands whose number was not the one after the last, over all clients. */
  outOfOrder: number;
  clients: readonly ClientReport[];
}

export interface IssuedBy {
  shard: number;
  client: number;
  ledger: IssuedLedger;
}

export interface Verdict {
  /** Acknowledged commands that a replica did not apply: of each client the worst replica, all clients together. */
  lost: number;
  /** Applications beyond the first. */
  duplicated: number;
  /** All replicas of a shard say the same. */
  digestsEqual: boolean;
  /** One sentence each, empty when all is well. */
  violations: string[];
}

interface Finding {
  lost: number;
  duplicated: number;
  problem: string | undefined;
}

const NOTHING_APPLIED = { count: 0, lastNumber: 0, digest: 0 };

export function verify(issuedBy: readonly IssuedBy[], reports: readonly ReplicaReport[]): Verdict {
  const verdict: Verdict = { lost: 0, duplicated: 0, digestsEqual: true, violations: [] };
  for (const { shard, replica, outOfOrder } of reports) {
    if (outOfOrder > 0)
      verdict.violations.push(`shard ${shard}, replica ${replica}: ${outOfOrder} commands out of order`);
  }
  for (const issued of issuedBy) verifyClient(issued, reports, verdict);
  return verdict;
}

function verifyClient({ shard, client, ledger }: IssuedBy, reports: readonly ReplicaReport[], verdict: Verdict): void {
  const ofShard = reports.filter((report) => report.shard === shard);
  if (ofShard.length === 0) verdict.violations.push(`shard ${shard}: no replica reported`);
  let lost = 0;
  let duplicated = 0;
  let first: ClientReport | undefined;
  for (const { replica, clients } of ofShard) {
    const report = clients.find((candidate) => candidate.client === client) ?? { client, ...NOTHING_APPLIED };
    const finding = judge(ledger, report);
    lost = Math.max(lost, finding.lost);
    duplicated = Math.max(duplicated, finding.duplicated);
    const place = `shard ${shard}, client ${client}, replica ${replica}`;
    if (finding.problem !== undefined) verdict.violations.push(`${place}: ${finding.problem}`);
    first ??= report;
    if (report.count !== first.count || report.digest !== first.digest) {
      verdict.digestsEqual = false;
      verdict.violations.push(`${place}: differs from the first replica (${describe(report)}, not ${describe(first)})`);
    }
  }
  verdict.lost += lost;
  verdict.duplicated += duplicated;
}

/** One replica's word on one client against the client's own. */
export function judge(ledger: IssuedLedger, report: Omit<ClientReport, 'client'>): Finding {
  const { acknowledged, issued } = ledger;
  const { count, lastNumber, digest } = report;
  const lost = Math.max(0, acknowledged - Math.min(count, lastNumber), lastNumber - count);
  const duplicated = Math.max(0, count - Math.min(issued, lastNumber));
  let problem: string | undefined;
  if (duplicated > 0) problem = `${duplicated} commands applied more than once (${describe(report)}, ${issued} issued)`;
  else if (lost > 0) problem = `${lost} commands lost (${describe(report)}, ${acknowledged} acknowledged)`;
  else if (ledger.digestAt(count) !== digest) {
    problem = `other commands or another order than issued (${describe(report)}, issued digest ${ledger.digestAt(count)})`;
  }
  return { lost, duplicated, problem };
}

function describe({ count, lastNumber, digest }: Omit<ClientReport, 'client'>): string {
  return `${count} applied, last number ${lastNumber}, digest ${digest}`;
}
