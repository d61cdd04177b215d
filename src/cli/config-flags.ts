/**
 * Settings as flags of a command, and the configuration that a command line, the environment and a file make together.
 */
import { flagOf, type Setting } from '../config/settings.ts';
import { FlagError, type FlagSetting, type FlagValues } from './flags.ts';

export const CONFIG_FLAG: FlagSetting = {
  name: 'config',
  default: undefined,
  allowed: 'a path of a YAML or JSON file; default SYNOD_CONFIG',
  parse: (text) => (text === '' ? undefined : text),
  doc: 'file with settings',
};

/** One flag per setting; its text is judged together with all other sources. */
export function settingFlags(settings: readonly Setting[]): FlagSetting[] {
  return settings.filter(({ parse }) => parse !== undefined).map(settingFlag);
}

function settingFlag({ name, allowed, doc, isSwitch }: Setting): FlagSetting {
  const flag = { name: flagOf(name).slice(2), default: undefined, allowed, doc, parse: (text: string) => text };
  return isSwitch === true ? { ...flag, bare: 'true' } : flag;
}

/** The texts that the flags gave, by the name of the setting. */
export function textsOf(settings: readonly Setting[], values: FlagValues): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { name } of settings) {
    const value = values[flagOf(name).slice(2)];
    if (value !== undefined) texts[name] = String(value);
  }
  return texts;
}

/** The file to read: the flag's, or the environment's. */
export function configFileOf(values: FlagValues, environment: NodeJS.ProcessEnv): string | undefined {
  const flag = values['config'];
  if (flag !== undefined && typeof flag !== 'string') throw new FlagError('--config', 'needs a path');
  return flag ?? (environment['SYNOD_CONFIG'] || undefined);
}
