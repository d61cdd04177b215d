/**
 * A status as Prometheus text. Lists become metrics: what identifies an item becomes labels, numbers become values, words become
 * a label of a constant 1, so that whatever a status learns to tell is a metric at once.
 *
 *   shards: [{ shard: 2, leader: 1, replicas: [{ replica: 0, role: 'follower', commands: 7 }] }]
 *   ──▶ synod_shard_leader{shard="2"} 1
 *       synod_replica_role{shard="2",replica="0",role="follower"} 1
 *       synod_replica_commands_total{shard="2",replica="0"} 7
 */

export interface Sample {
  name: string;
  labels: Labels;
  value: number;
}

type Labels = Readonly<Record<string, string | number>>;

/** Fields that name an item. */
const IDENTITY = ['shard', 'replica', 'worker', 'node'];
/** Names of an item of a list, where dropping the s gives none. */
const SINGULAR: Readonly<Record<string, string>> = {
  replicas: 'replica',
  shards: 'shard',
  workers: 'worker',
  links: 'link',
};

interface Description {
  type: 'counter' | 'gauge';
  help: string;
}

/** What is told about a metric, by the name of its item and field. What is missing here is a gauge without words. */
export const DESCRIPTIONS: Readonly<Record<string, Description>> = {
  'shard.leader': { type: 'gauge', help: 'replica or node that leads; -1 or 0 = none known' },
  'shard.preferred': { type: 'gauge', help: 'replica or node that should lead' },
  'shard.failed': { type: 'gauge', help: '1 = the shard answers no more here' },
  'shard.ballot': { type: 'gauge', help: 'ballot followed' },
  'shard.commitWatermark': { type: 'gauge', help: 'all slots below are known to be chosen' },
  'shard.appliedWatermark': { type: 'gauge', help: 'all slots below are applied' },
  'shard.commands': { type: 'counter', help: 'commands applied' },
  'shard.elections': { type: 'counter', help: 'candidacies' },
  'shard.role': { type: 'gauge', help: 'the label names the role' },
  'replica.role': { type: 'gauge', help: 'the label names the role' },
  'replica.ballot': { type: 'gauge', help: 'ballot followed' },
  'replica.commitWatermark': { type: 'gauge', help: 'all slots below are known to be chosen' },
  'replica.appliedWatermark': { type: 'gauge', help: 'all slots below are applied' },
  'replica.commands': { type: 'counter', help: 'commands applied' },
  'replica.elections': { type: 'counter', help: 'candidacies' },
  'replica.failed': { type: 'gauge', help: "1 = the replica's part of the shard stopped" },
  'worker.isUp': { type: 'gauge', help: '1 = the thread runs' },
  'worker.restarts': { type: 'counter', help: 'restarts of the thread' },
  'worker.device': { type: 'gauge', help: 'the label names the log device' },
  'worker.durable': { type: 'gauge', help: '1 = what is acknowledged survives power loss' },
  'worker.native': { type: 'gauge', help: '1 = the native addon is used' },
  'worker.recoveredRecords': { type: 'gauge', help: 'records read at the start' },
  'worker.recoveredBytes': { type: 'gauge', help: 'log bytes read at the start' },
  'worker.flushes': { type: 'counter', help: 'log submissions' },
  'worker.logBytes': { type: 'counter', help: 'bytes written to the log' },
  'worker.logKeptBytes': { type: 'gauge', help: 'bytes of the log that are not given back yet' },
  ...snapshotDescriptions('shard'),
  ...snapshotDescriptions('replica'),
  'link.state': { type: 'gauge', help: 'the label names the state' },
  'link.transport': { type: 'gauge', help: 'the label names the transport' },
  'link.provider': { type: 'gauge', help: 'the label names the libfabric provider' },
  'link.reason': { type: 'gauge', help: 'the label says why the link last went down' },
  'link.rttUs': { type: 'gauge', help: 'round trip of control frames' },
  'link.bulkRttUs': { type: 'gauge', help: 'round trip behind bulk frames' },
  'link.connects': { type: 'counter', help: 'connections made' },
  'link.refusals': { type: 'counter', help: 'connections refused or cut off' },
  'link.framesOut': { type: 'counter', help: 'frames sent' },
  'link.bytesOut': { type: 'counter', help: 'bytes sent' },
  'link.burstsOut': { type: 'counter', help: 'writes' },
  'link.dropsOut': { type: 'counter', help: 'frames dropped before they were sent' },
  'link.framesIn': { type: 'counter', help: 'frames received' },
  'link.bytesIn': { type: 'counter', help: 'bytes received' },
  'link.burstsIn': { type: 'counter', help: 'reads' },
  'link.dropsIn': { type: 'counter', help: 'frames dropped after they were received' },
};

function snapshotDescriptions(kind: string): Record<string, Description> {
  const of = (field: string, type: Description['type'], help: string): [string, Description] => [
    `${kind}.snapshot.${field}`,
    { type, help },
  ];
  return Object.fromEntries([
    of('ageMs', 'gauge', 'milliseconds since the newest snapshot was published; -1 = there is none'),
    of('bytes', 'gauge', 'size of the newest snapshot'),
    of('durationMs', 'gauge', 'how long the last snapshot took'),
    of('taken', 'counter', 'snapshots taken'),
    of('installed', 'counter', 'snapshots got from others'),
    of('failures', 'counter', 'snapshots that failed'),
    of('sentBytes', 'counter', 'snapshot bytes sent to others'),
    of('diskBytes', 'gauge', 'bytes that the snapshots take up'),
  ]);
}

/** Every number, truth and word of a status. */
export function samplesOf(status: object): Sample[] {
  const samples: Sample[] = [];
  collect(status, 'status', {}, samples);
  return samples;
}

function collect(item: object, kind: string, labels: Labels, samples: Sample[]): void {
  const own: Record<string, string | number> = { ...labels };
  const fields = Object.entries(item);
  for (const [field, value] of fields) if (isIdentity(kind, field)) own[field] = value;
  if (kind !== 'status') sampleFields(fields, kind, own, samples);
  for (const [field, value] of fields) {
    if (Array.isArray(value)) {
      for (const inner of value) if (isObject(inner)) collect(inner, singular(field), own, samples);
    } else if (isObject(value)) collect(value, kind === 'status' ? field : `${kind}.${field}`, own, samples);
  }
}

function sampleFields(fields: [string, unknown][], kind: string, labels: Labels, samples: Sample[]): void {
  for (const [field, value] of fields) {
    if (isIdentity(kind, field)) continue;
    if (field === 'error') {
      samples.push({ name: nameOf(kind, 'failed'), labels, value: value === undefined || value === 0 ? 0 : 1 });
    } else if (typeof value === 'number' || typeof value === 'boolean') {
      samples.push({ name: nameOf(kind, field), labels, value: Number(value) });
    } else if (typeof value === 'string') {
      samples.push({ name: nameOf(kind, field), labels: { ...labels, [snakeCase(field)]: value }, value: 1 });
    }
  }
}

/** The item's own number; `leader` of a shard is none, though a number too. */
function isIdentity(kind: string, field: string): boolean {
  return IDENTITY.includes(field) && (kind === field || (kind === 'worker' && field === 'replica') || kind === 'link');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Name of the metric of a field. */
export function nameOf(kind: string, field: string): string {
  const isCounter = DESCRIPTIONS[`${kind}.${field}`]?.type === 'counter';
  return `synod_${snakeCase(kind)}_${snakeCase(field)}${isCounter ? '_total' : ''}`;
}

/** Samples in the text format of Prometheus, those of one name together. */
export function renderMetrics(samples: readonly Sample[]): string {
  const byName = new Map<string, Sample[]>();
  for (const sample of samples) {
    const family = byName.get(sample.name);
    if (family === undefined) byName.set(sample.name, [sample]);
    else family.push(sample);
  }
  const lines: string[] = [];
  for (const [name, family] of byName) {
    const { type, help } = DESCRIBED.get(name) ?? { type: name.endsWith('_total') ? 'counter' : 'gauge', help: '' };
    if (help !== '') lines.push(`# HELP ${name} ${help}`);
    lines.push(`# TYPE ${name} ${type}`);
    for (const { labels, value } of family) lines.push(`${name}${renderLabels(labels)} ${renderValue(value)}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const DESCRIBED = new Map(
  Object.entries(DESCRIPTIONS).map(([path, description]) => {
    const at = path.lastIndexOf('.');
    return [nameOf(path.slice(0, at), path.slice(at + 1)), description];
  }),
);

function renderLabels(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function singular(list: string): string {
  return SINGULAR[list] ?? list.replace(/s$/, '');
}

function snakeCase(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/[^a-z0-9_]/g, '_')
    .replace(/^is_/, '');
}
