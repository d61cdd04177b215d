/** The directory is made once, belongs to one cluster and one process, and is never started empty by mistake (S13). */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SynodError } from '../../../src/base/errors.ts';
import { type OpenedDirectory, openDirectory } from '../../../src/engine/directory.ts';
import { mintId } from '../../../src/engine/directory-files.ts';

const test = suite('directory');
let root = '';

test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'synod-directory-'));
});

test.after.each(() => {
  rmSync(root, { recursive: true, force: true });
});

const home = (replica: number): string => join(root, 'data', `replica-${replica}`);
const clusterFile = (): string => join(root, 'data', 'cluster.json');
const identity = (replica: number) => JSON.parse(readFileSync(join(home(replica), 'identity.json'), 'utf8'));

function open(changes: Partial<Parameters<typeof openDirectory>[0]> = {}): OpenedDirectory {
  return openDirectory({
    directory: join(root, 'data'),
    replicas: 3,
    shards: 4,
    workers: 2,
    lostReplicas: 'refuse',
    ...changes,
  });
}

/** Opens and closes; returns what was learned. */
function visit(changes: Parameters<typeof open>[0] = {}): OpenedDirectory {
  const opened = open(changes);
  opened.release();
  return opened;
}

/** A start that gets through: every log has a segment, and the start counts. */
function run(changes: Parameters<typeof open>[0] = {}): boolean[] {
  const opened = open(changes);
  const forgotten = [0, 1, 2].map((replica) => opened.isForgotten(replica));
  for (let replica = 0; replica < 3; replica++) {
    for (let log = 0; log < 2; log++) writeFileSync(join(opened.logDirectory(replica, log), '0.seg'), 'x');
  }
  opened.settle();
  opened.release();
  return forgotten;
}

function refusal(changes: Parameters<typeof open>[0] = {}): SynodError {
  try {
    visit(changes);
  } catch (error) {
    assert.instance(error, SynodError, String(error));
    return error as SynodError;
  }
  throw new Error('the directory was opened');
}

function mismatch(pattern: RegExp, changes: Parameters<typeof open>[0] = {}): void {
  const error = refusal(changes);
  assert.is(error.code, 'ERR_SYNOD_DIRECTORY_MISMATCH');
  assert.match(error.message, pattern);
}

test('the first start makes cluster, replicas and logs; ids are fresh', () => {
  const opened = visit();
  assert.is(opened.logs, 2);
  assert.is(opened.logDirectory(2, 1), join(home(2), 'log-1'));
  for (let replica = 0; replica < 3; replica += 1) {
    assert.equal(readdirSync(home(replica)).sort(), ['identity.json', 'log-0', 'log-1']);
    const { clusterId, nodeId, incarnation } = identity(replica);
    assert.equal([clusterId, nodeId], [opened.clusterId, replica + 1]);
    assert.ok(Number.isSafeInteger(incarnation) && incarnation > 0);
  }
  assert.is(new Set([0, 1, 2].map((replica) => identity(replica).incarnation)).size, 3);
});

test('later starts find the same cluster, and count their boots', () => {
  const first = visit();
  assert.is(identity(1).boots, 1);
  const second = visit();
  assert.is(second.clusterId, first.clusterId);
  assert.is(identity(1).boots, 1, 'a start that did not get through does not count');
  run();
  run();
  assert.is(identity(1).boots, 2);
});

test('the number of logs stays as it was made, whatever workers says', () => {
  visit();
  assert.is(visit({ workers: 4 }).logs, 2);
  assert.is(visit({ workers: 1 }).logs, 2);
});

test('another shard count, replica count or format is refused, with what to do', () => {
  visit();
  mismatch(/made with 4 shards, not 8: open it with shards 4/, { shards: 8 });
  mismatch(/made with 3 replicas, not 5: open it with replicas 3/, { replicas: 5 });
  writeFileSync(clusterFile(), JSON.stringify({ ...JSON.parse(readFileSync(clusterFile(), 'utf8')), format: 99 }));
  mismatch(/format 99/);
});

test('a replica that lost its directory, identity or log does not start empty', () => {
  visit();
  renameSync(join(home(1), 'log-0'), join(root, 'aside'));
  mismatch(/replica-1.log-0 is missing: .*Restore its directory, or open with lostReplicas: 'rejoin'/);
  renameSync(join(root, 'aside'), join(home(1), 'log-0'));
  renameSync(join(home(1), 'identity.json'), join(root, 'aside'));
  mismatch(/replica-1.identity.json is missing/);
  rmSync(home(1), { recursive: true });
  mismatch(/replica-1.identity.json is missing/);
});

test('S13: a replica that lost its directory, its log or its log files comes back as one that forgot, when told so', () => {
  const losses = [home(1), join(home(1), 'log-0'), join(home(1), 'identity.json'), join(home(1), 'log-1', '0.seg')];
  assert.equal(run(), [false, false, false]);
  for (const loss of losses) {
    rmSync(loss, { recursive: true });
    mismatch(/replica-1.*(missing|empty)/);
    visit({ lostReplicas: 'rejoin' });
    assert.equal(run({ lostReplicas: 'rejoin' }), [false, true, false], 'until a start gets through');
    assert.equal(run(), [false, false, false]);
  }
});

test('S13: an old copy of a replica is told by the starts that it did not count', () => {
  run();
  cpSync(home(2), join(root, 'aside'), { recursive: true });
  run();
  rmSync(home(2), { recursive: true });
  renameSync(join(root, 'aside'), home(2));
  mismatch(/replica-2 is an old copy .start 1 of 2./);
  assert.equal(run({ lostReplicas: 'rejoin' }), [false, false, true]);
});

test('S13: two lost replicas of three cannot come back', () => {
  run();
  for (const replica of [0, 2]) rmSync(home(replica), { recursive: true });
  mismatch(/replica-0.*replica-2.*Restore its directory\.$/, { lostReplicas: 'rejoin' });
});

test('replica directories that were swapped or come from another cluster are refused', () => {
  visit();
  renameSync(home(0), join(root, 'aside'));
  renameSync(home(1), home(0));
  renameSync(join(root, 'aside'), home(1));
  mismatch(/belongs to node 2/);
  renameSync(home(0), join(root, 'aside'));
  visit({ directory: join(root, 'other') });
  cpSync(join(root, 'other', 'replica-0'), home(0), { recursive: true });
  mismatch(/belongs to another cluster/);
});

test('when cluster.json is lost, nothing that was used is made anew', () => {
  visit();
  rmSync(clusterFile());
  mismatch(/replica-0 was used, but cluster.json is missing/);
  assert.is(identity(0).boots, 1);
  assert.ok(existsSync(join(home(0), 'log-1')));
});

test('a log with segments is never removed, even where its identity says that it was not booted', () => {
  visit();
  rmSync(clusterFile());
  for (const replica of [0, 1, 2]) {
    writeFileSync(join(home(replica), 'identity.json'), JSON.stringify({ ...identity(replica), boots: 0 }));
  }
  writeFileSync(join(home(2), 'log-1', '0000000000000000.seg'), 'votes');
  mismatch(/replica-2 was used/);
  assert.is(readFileSync(join(home(2), 'log-1', '0000000000000000.seg'), 'utf8'), 'votes');
});

test('a first start that was cut off is a first start again', () => {
  mkdirSync(join(home(0), 'log-0'), { recursive: true });
  writeFileSync(join(home(0), 'identity.json'), JSON.stringify({ clusterId: 7, nodeId: 1, incarnation: 5, boots: 0 }));
  mkdirSync(home(1), { recursive: true });
  const { clusterId } = visit();
  assert.is.not(clusterId, 7);
  assert.is(identity(0).clusterId, clusterId);
});

test('a file that cannot be read as JSON is an error, not a first start', () => {
  visit();
  writeFileSync(clusterFile(), '{');
  const error = refusal();
  assert.is(error.code, 'ERR_SYNOD_DIRECTORY');
  assert.match(error.message, /cluster.json cannot be read/);
});

test('a path that cannot be a directory is an error that names it', () => {
  writeFileSync(join(root, 'file'), '');
  const error = refusal({ directory: join(root, 'file', 'data') });
  assert.is(error.code, 'ERR_SYNOD_DIRECTORY');
  assert.match(error.message, /file.data cannot be made or written/);
});

test('a directory in use is refused, and can be taken once it is released', () => {
  const opened = open();
  const error = refusal();
  assert.is(error.code, 'ERR_SYNOD_DIRECTORY_LOCKED');
  assert.ok(error.retryable);
  assert.match(error.message, new RegExp(`held by process ${process.pid}`));
  opened.release();
  visit();
});

test('a refused start leaves no lock behind', () => {
  visit();
  refusal({ shards: 8 });
  assert.not(existsSync(join(root, 'data', 'lock')));
  visit();
});

test('ids are 53-bit numbers and do not repeat', () => {
  const ids = Array.from({ length: 1000 }, () => mintId());
  assert.is(new Set(ids).size, 1000);
  for (const id of ids) assert.ok(Number.isSafeInteger(id) && id > 0);
  assert.ok(Math.max(...ids) > 2 ** 50);
});

test.run();
