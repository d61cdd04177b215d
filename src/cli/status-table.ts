/**
 * A status of a node or a cluster as a table for people.
 */

/** What is shown of it; other fields are in the JSON. */
export interface ShownStatus {
  id?: number;
  durability?: string;
  shards: readonly (ShownReplica & {
    shard: number;
    leader: number;
    replicas?: readonly (ShownReplica & { replica: number })[];
  })[];
  workers?: readonly {
    replica: number;
    worker: number;
    isUp: boolean;
    device: string;
    durable: boolean;
    restarts: number;
  }[];
  links?: readonly Readonly<Record<string, unknown>>[];
}

interface ShownReplica {
  role?: string;
  commitWatermark?: number;
  appliedWatermark?: number;
  commands?: number;
  error?: unknown;
}

export function statusTable(status: ShownStatus): string {
  const who = status.id === undefined ? 'cluster in one process' : `node ${status.id}`;
  const parts = [
    `${who} · ${status.shards.length} shards · durability ${status.durability ?? '?'}`,
    '',
    table(shardRows(status)),
  ];
  if (status.workers !== undefined) parts.push('', table(workerRows(status.workers)));
  if (status.links !== undefined && status.links.length > 0) parts.push('', table(linkRows(status.links)));
  return parts.join('\n');
}

function shardRows({ shards }: ShownStatus): string[][] {
  const rows = [['shard', 'leader', 'replica', 'role', 'chosen', 'applied', 'commands', '']];
  for (const shard of shards) {
    for (const replica of shard.replicas ?? [{ ...shard, replica: 'here' }]) {
      const { role, commitWatermark, appliedWatermark, commands, error } = replica;
      const cells = [shard.shard, shard.leader, replica.replica, role, commitWatermark, appliedWatermark, commands];
      rows.push([...cells.map((cell) => String(cell ?? '-')), error ? String(shard.error ?? error) : '']);
    }
  }
  return rows;
}

function workerRows(workers: NonNullable<ShownStatus['workers']>): string[][] {
  const rows = workers.map(({ replica, worker, isUp, device, durable, restarts }) =>
    [replica, worker, isUp ? 'up' : 'down', device, durable ? 'yes' : 'no', restarts].map(String),
  );
  return [['replica', 'worker', 'thread', 'device', 'durable', 'restarts'], ...rows];
}

/** The words and numbers of the links, whatever they are. */
function linkRows(links: NonNullable<ShownStatus['links']>): string[][] {
  const names = Object.entries(links[0] ?? {}).flatMap(([name, value]) => (typeof value === 'object' ? [] : [name]));
  return [names, ...links.map((link) => names.map((name) => String(link[name] ?? '-')))];
}

/** Columns as wide as their widest cell. */
function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
