/**
 * Loads a machine module by ready-made name, path or URL, and holds it to what the engine calls. Relative paths count from the
 * current directory.
 */
import { pathToFileURL } from 'node:url';
import { SynodError } from '../base/errors.ts';
import { type MachineModule, READY_MADE_MACHINES, type StateMachine } from './state-machine.ts';

export type MachineFactory = MachineModule['createMachine'];

const METHODS = ['apply', 'query', 'snapshot', 'restore'] as const;
/** Two letters at least, so that a drive letter is no scheme. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** Rejects with ERR_SYNOD_MACHINE_MODULE; so does what it returns, where the machine lacks a method. */
export async function loadMachine(name: string): Promise<MachineFactory> {
  const module = await importModule(name);
  const createMachine = module.createMachine;
  if (typeof createMachine !== 'function') {
    throw new SynodError('ERR_SYNOD_MACHINE_MODULE', `${name} does not export a function createMachine.`);
  }
  return (options) => {
    const machine = createMachine(options);
    checkMachine(name, machine);
    return machine;
  };
}

async function importModule(name: string): Promise<Partial<MachineModule>> {
  try {
    return (await import(urlOf(name))) as Partial<MachineModule>;
  } catch (cause) {
    throw new SynodError('ERR_SYNOD_MACHINE_MODULE', `${name} cannot be loaded: ${String(cause)}`, { cause });
  }
}

function urlOf(name: string): string {
  if (Object.hasOwn(READY_MADE_MACHINES, name)) {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    return new URL(READY_MADE_MACHINES[name] + extension, import.meta.url).href;
  }
  return SCHEME.test(name) ? name : pathToFileURL(name).href;
}

function checkMachine(name: string, machine: StateMachine | undefined): void {
  const missing = METHODS.filter((method) => typeof machine?.[method] !== 'function');
  if (missing.length === 0) return;
  throw new SynodError('ERR_SYNOD_MACHINE_MODULE', `The machine that ${name} makes lacks ${missing.join(', ')}.`);
}
