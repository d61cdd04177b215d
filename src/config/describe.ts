/**
 * The table of settings as the README shows it. A cell is a plain sentence: what separates cells does not occur in the table.
 */
import { flagOf, type Scope, SETTINGS, type Setting, variableOf } from './settings.ts';

const CONCERNS: Readonly<Record<Scope, string>> = { cluster: 'cluster', node: 'node', both: '' };
const ROWS_BEFORE = ['| option | default | allowed | for | |', '| --- | --- | --- | --- | --- |'];

export function settingsTable(): string {
  return [...ROWS_BEFORE, ...SETTINGS.map(row)].join('\n');
}

function row({ name, default: preset, allowed, scope, doc }: Setting): string {
  const cells = [`\`${name}\``, preset === undefined ? '' : `\`${preset}\``, allowed, CONCERNS[scope], doc];
  return `| ${cells.join(' | ')} |`;
}

/** One setting as the help of a command shows it. */
export function settingHelp({ name, default: preset, allowed, doc }: Setting): string {
  const range = preset === undefined ? allowed : `${allowed}; default ${preset}`;
  return `  ${flagOf(name)}  (${variableOf(name)})\n      ${doc}\n      ${range}`;
}
