/** The transport worker is started, heard, brought back, and ended; on a real thread with a fake task. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SynodError } from '../../../src/base/errors.ts';
import { TransportHost } from '../../../src/engine/transport-host.ts';
import { WORKER_WORDS } from '../../../src/memory/descriptor.ts';
import { createLinkStatus, LinkStatusWriter, readLinkStatus } from '../../../src/transport/link-status.ts';
import type { TransportData, TransportMessage } from '../../../workers/worker-data.ts';
import { DIES_ONCE, REFUSES, SILENT, SOUND } from './fake-transport.ts';

const START_MS = 10_000;

function make(seed: number, startTimeoutMs = START_MS) {
  const block = new SharedArrayBuffer(WORKER_WORDS * 4);
  const linkStatus = createLinkStatus();
  const waiting: { matches(text: string): boolean; resolve(): void }[] = [];
  const told: string[] = [];
  const tell = (text: string): void => {
    told.push(text);
    for (const { matches, resolve } of waiting) if (matches(text)) resolve();
  };
  const host = new TransportHost({
    entry: new URL('./fake-transport.js', import.meta.url),
    block,
    linkStatus,
    members: 3,
    startTimeoutMs,
    birthData: () => ({ block, seed }) as unknown as Omit<TransportData, 'ownerEpoch' | 'control'>,
    onMessage: (message: TransportMessage) =>
      tell(message.kind === 'warning' ? message.message : message.kind === 'ready' ? `ready ${message.port}` : ''),
    onDown: (error) => tell(`down ${(error as Error).message}`),
  });
  const hears = (text: string): Promise<void> =>
    told.includes(text)
      ? Promise.resolve()
      : new Promise((resolve) => waiting.push({ matches: (other) => other === text, resolve }));
  return { host, hears, linkStatus };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: SynodError) => error.code,
  );
}

const test = suite('transport-host');

test('a start says where the node listens; control messages reach the worker', async () => {
  const { host, hears } = make(SOUND);
  await host.start();
  assert.equal(host.address, { host: '127.0.0.1', port: 1 });
  host.post({ kind: 'reloadTls' });
  await hears('got reloadTls');
  await host.close();
});

test('a start that fails rejects with what the worker said', async () => {
  const { host } = make(REFUSES);
  assert.is(await codeOf(host.start()), 'ERR_SYNOD_CONFIG');
  await host.close();
});

test('a worker that says nothing is not waited for for ever', async () => {
  const { host } = make(SILENT, 100);
  assert.is(await codeOf(host.start()), 'ERR_SYNOD_WORKER_START');
  await host.close();
});

test('a dead worker takes its links down and comes back with the next epoch', async () => {
  const { host, hears, linkStatus } = make(DIES_ONCE);
  new LinkStatusWriter(linkStatus, 1).setUp('tcp', 7);
  await host.start();
  await hears('down once');
  assert.is(readLinkStatus(linkStatus, 1).state, 'down');
  await hears('ready 2');
  await host.close();
});

test.run();
