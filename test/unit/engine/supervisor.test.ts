/** Workers are started, watched, brought back after any kind of death, and ended; on real threads with a fake task. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { Supervisor, type SupervisorOptions, type WorkerSlot } from '../../../src/engine/supervisor.ts';
import { WORKER_CONTROL_WORD, WORKER_OWNER_WORD, WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { AtomicsWaker } from '../../../src/memory/doorbell.ts';
import type { WorkerData, WorkerMessage } from '../../../workers/worker-data.ts';
import { CRASHES, lifeWord, TELLING_MS } from './fake-worker.ts';

const START_MS = 10_000;
const NEVER_MS = 1_000_000;
const ENTRY = new URL('./fake-worker.js', import.meta.url);

/** A supervisor over `replicas` × 1 workers, and everything it told. */
class Watched {
  readonly told: string[] = [];
  readonly supervisor: Supervisor;
  /** Turns of the first life of replica 0 when its log was closed. */
  turnsAtClose = -1;
  #waiting: { text: string; resolve(): void }[] = [];

  constructor(replicas: number, machine: string, changes: Partial<SupervisorOptions> = {}) {
    const blocks = Array.from({ length: replicas }, () => [new SharedArrayBuffer(WORKER_WORDS * 4)]);
    this.supervisor = new Supervisor(blocks, {
      entry: ENTRY,
      birthData: (replica) => ({ block: blocks[replica]![0], machine }) as unknown as WorkerData,
      wakerOf: (block) => new AtomicsWaker(block),
      startTimeoutMs: START_MS,
      closeLog: (replica) => {
        this.turnsAtClose = this.turns(1);
        this.#tell(`closeLog ${replica}`);
      },
      onMessage: (slot, message) => this.#onMessage(slot, message),
      onDown: (slot, error) => this.#tell(`down ${slot.replica}: ${(error as Error | undefined)?.message}`),
      onUp: (slot) => this.#tell(`up ${slot.replica} epoch ${slot.epoch}`),
      onWarning: (text) => this.#tell(`warning ${text}`),
      ...changes,
    });
  }

  get first(): WorkerSlot {
    return this.supervisor.slots[0]!;
  }

  turns(epoch: number): number {
    return Atomics.load(this.first.words, lifeWord(epoch));
  }

  /** Resolves once the supervisor told, or had told, this. */
  async hears(text: string): Promise<void> {
    if (this.told.includes(text)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ text, resolve }));
  }

  #onMessage(slot: WorkerSlot, message: WorkerMessage): void {
    if (message.kind === 'warning') this.#tell(`message ${slot.replica}: ${message.message}`);
  }

  #tell(text: string): void {
    this.told.push(text);
    for (const waiting of this.#waiting) if (waiting.text === text) waiting.resolve();
  }
}

async function refusal(watched: Watched): Promise<SynodError> {
  const error = await watched.supervisor.start().then(
    () => undefined,
    (reason: SynodError) => reason,
  );
  await watched.supervisor.close();
  assert.ok(error !== undefined, 'the start succeeded');
  return error;
}

const test = suite('supervisor');

test('start resolves when every worker is ready; close ends them all', async () => {
  const watched = new Watched(3, 'loop');
  await watched.supervisor.start();
  assert.equal([...watched.told].sort(), ['up 0 epoch 1', 'up 1 epoch 1', 'up 2 epoch 1']);
  for (const slot of watched.supervisor.slots) {
    assert.ok(slot.isUp);
    assert.is(slot.ready?.device, 'fake');
    assert.is(slot.words[WORKER_OWNER_WORD], 1);
  }
  assert.is(watched.supervisor.slot(2, 0), watched.supervisor.slots[2]);
  assert.throws(() => watched.supervisor.slot(3, 0), /no worker 0 of replica 3/);
  await watched.supervisor.close();
  assert.is(watched.told.length, 3);
});

test('a control message arrives and is announced', async () => {
  const watched = new Watched(1, 'loop');
  await watched.supervisor.start();
  watched.supervisor.post(watched.first, { kind: 'suspect', memberIndex: 4 });
  assert.is(watched.first.words[WORKER_CONTROL_WORD], 1);
  await watched.hears('message 0: suspects 4');
  await watched.supervisor.close();
});

test('a terminated worker comes back with the next epoch, after its log was closed', async () => {
  const watched = new Watched(2, 'loop');
  await watched.supervisor.start();
  watched.told.length = 0;
  watched.supervisor.terminate(watched.first);
  await watched.hears('up 0 epoch 2');
  assert.match(watched.told[0]!, /^down 0: /);
  assert.equal(watched.told.slice(1), ['closeLog 0', 'up 0 epoch 2']);
  assert.is(watched.first.restarts, 1);
  assert.is(watched.first.ready?.recoveredRecords, 2);
  assert.is(watched.supervisor.slots[1]!.restarts, 0);
  await watched.supervisor.close();
});

test('the thread of a task that threw is gone before its log is closed and its successor starts (S22)', async () => {
  const watched = new Watched(1, 'lingers');
  await watched.supervisor.start();
  await watched.hears('up 0 epoch 2');
  const target = watched.turns(2) + 20;
  while (watched.turns(2) < target) await new Promise((resolve) => setImmediate(resolve));
  assert.is(watched.turns(1), watched.turnsAtClose);
  await watched.supervisor.close();
});

test('a task that ends without being told counts as dead', async () => {
  const watched = new Watched(1, 'returns');
  await watched.supervisor.start();
  await watched.hears('up 0 epoch 2');
  assert.ok(watched.told.includes('down 0: undefined'));
  await watched.supervisor.close();
});

test('a worker that dies again and again is brought back each time', async () => {
  const watched = new Watched(1, 'crashes');
  await watched.supervisor.start();
  await watched.hears(`up 0 epoch ${CRASHES + 1}`);
  assert.is(watched.told.filter((text) => text === 'down 0: again').length, CRASHES);
  assert.is(watched.first.restarts, CRASHES);
  assert.is(watched.first.deaths, CRASHES);
  await watched.supervisor.close();
});

test('closing while a worker is being brought back leaves nothing running', async () => {
  const watched = new Watched(1, 'crashes');
  await watched.supervisor.start();
  await watched.hears('down 0: again');
  await watched.supervisor.close();
  assert.not(watched.told.includes(`up 0 epoch ${CRASHES + 1}`));
});

test('a start that fails has the code that the worker reported', async () => {
  const error = await refusal(new Watched(2, 'damaged'));
  assert.is(error.code, 'ERR_SYNOD_LOG_DAMAGED');
  assert.is(error.message, 'it rots');
});

test('a start that fails without a report says which worker, and why', async () => {
  const error = await refusal(new Watched(1, 'throws'));
  assert.is(error.code, 'ERR_SYNOD_WORKER_START');
  assert.match(error.message, /^Worker 0 of replica 0 did not start: no good/);
});

test('a worker that is never ready is given up in time', async () => {
  const error = await refusal(new Watched(1, 'late', { startTimeoutMs: 100 }));
  assert.is(error.code, 'ERR_SYNOD_WORKER_START');
  assert.match(error.message, /was silent for 0.1 s/);
});

test('the deadline of a start is its silence: who tells of progress may take longer', async () => {
  const watched = new Watched(1, 'tells', { startTimeoutMs: TELLING_MS / 2 });
  await watched.supervisor.start();
  assert.ok(watched.first.isUp);
  await watched.supervisor.close();
});

test('a worker file that cannot be loaded fails the start, and close does not hang', async () => {
  const error = await refusal(new Watched(2, 'loop', { entry: new URL('./no-such-worker.js', import.meta.url) }));
  assert.is(error.code, 'ERR_SYNOD_WORKER_START');
});

test('a thread that cannot load the worker fails the start that waits for it, which is tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'synod-supervisor-'));
  const flag = join(folder, 'broken');
  const entry = join(folder, 'entry.mjs');
  const check = `if (existsSync(${JSON.stringify(flag)})) throw new Error('broken');`;
  writeFileSync(entry, `import { existsSync } from 'node:fs';\n${check}\nexport { run } from '${ENTRY.href}';\n`);
  const watched = new Watched(1, 'loop', { entry: pathToFileURL(entry), startTimeoutMs: NEVER_MS });
  try {
    await watched.supervisor.start();
    writeFileSync(flag, '');
    watched.supervisor.terminate(watched.first);
    while (watched.first.deaths < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(watched.told.some((text) => text.startsWith('down 0: Worker 0 of replica 0 did not start')));
    rmSync(flag);
    while (!watched.first.isUp) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    await watched.supervisor.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
