/** Loads a machine module by ready-made name, path or URL. */
import { pathToFileURL } from 'node:url';
import { SynodError } from '../base/errors.ts';
import { type MachineModule, READY_MADE_MACHINES } from './state-machine.ts';

export type MachineFactory = MachineModule['createMachine'];

export async function loadMachine(name: string): Promise<MachineFactory> {
  const readyMade = READY_MADE_MACHINES[name];
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const url =
    readyMade === undefined
      ? name.includes('://')
        ? name
        : pathToFileURL(name).href
      : new URL(readyMade + extension, import.meta.url).href;
  try {
    const module = (await import(url)) as Partial<MachineModule>;
    if (typeof module.createMachine === 'function') return module.createMachine;
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_MACHINE_MODULE', `${name} cannot be loaded: ${String(cause)}`, { cause });
  }
  throw new SynodError('ERR_SYNOD_MACHINE_MODULE', `${name} does not export createMachine.`);
}
