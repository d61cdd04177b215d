/** Whether libfabric and a provider of it are there. */
import { loadNative } from '../src/native-binding.ts';
import type { TransportData } from '../workers/worker-data.ts';

export async function hasFabric(provider: TransportData['rdmaProvider']): Promise<boolean> {
  const { binding } = loadNative('auto');
  if (binding === undefined) return false;
  const keep = setInterval(() => {}, 1000);
  const domain = await new Promise<number>((resolve) => {
    const opened = binding.fabricOpen(provider, '', () => resolve(opened));
  });
  clearInterval(keep);
  const { state } = binding.fabricStatus(domain);
  binding.fabricClose(domain);
  return state === 'ready';
}
