/** A thread for test/native/link: opens links and a provider of libfabric, lets them work, and never closes anything. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadNative } from '../../src/native-binding.ts';
import { type LinkKind, LinkMaker, sendSoon, takeAll } from './link-kit.ts';

const { binding } = loadNative('required');
if (binding === undefined) throw new Error('the addon is needed');
for (const kind of workerData as LinkKind[]) {
  const maker = new LinkMaker(binding, kind);
  await maker.open();
  const { left, right } = await maker.pair(1 << 16);
  await sendSoon(left, 1, 64);
  await takeAll(right, 1);
  right.arm();
  await sendSoon(left, 2, 64);
}
parentPort?.postMessage('working');
setInterval(() => {}, 1000);
