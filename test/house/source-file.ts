/**
 * A source file as the house rules see it: its text, its code without comments and strings, and what it imports.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface Import {
  /** Path from the root of the repository for relative imports, else the bare specifier. */
  target: string;
  isTypeOnly: boolean;
  line: number;
}

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  path: string;
  text: string;
  lines: string[];
  /** Same lines and columns, with comments and the insides of strings blanked. */
  codeLines: string[];
  imports: Import[];
  isHot: boolean;
}

export function parse(path: string, text: string): SourceFile {
  return {
    path,
    text,
    lines: text.replace(/\n$/, '').split('\n'),
    codeLines: blankCommentsAndStrings(text).split('\n'),
    imports: path.endsWith('.ts') ? findImports(path, text) : [],
    isHot: /^ \* @hot$/m.test(text.slice(0, text.indexOf('*/'))),
  };
}

/** All files below the folders that end like one of `endings`, sorted by path. */
export function loadTree(root: string, folders: readonly string[], endings: readonly string[]): SourceFile[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => list(root, folder))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort()
    .map((path) => parse(path, readFileSync(join(root, path), 'utf8')));
}

function list(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(root, posix.join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('native/build/') && !path.includes('node_modules/'));
}

const FROM = /^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+'([^']+)'/gm;
const BARE_OR_DYNAMIC = /(?:^import\s+|\bimport\()'([^']+)'/gm;

function findImports(path: string, text: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: string, isTypeOnly: boolean, at: number): void => {
    const isRelative = specifier.startsWith('.');
    const target = isRelative ? posix.join(posix.dirname(path), specifier) : specifier;
    imports.push({ target, isTypeOnly, line: text.slice(0, at).split('\n').length });
  };
  for (const match of text.matchAll(FROM)) {
    const names = (match[2] as string).replace(/^\{|\}$/g, '').split(',');
    const onlyTypes = (match[2] as string).startsWith('{') && names.every((name) => /^\s*(type\s|$)/.test(name));
    add(match[3] as string, match[1] !== undefined || onlyTypes, match.index);
  }
  for (const match of text.matchAll(BARE_OR_DYNAMIC)) add(match[1] as string, false, match.index);
  return imports;
}

const BLANKED =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*(?=[.,;)\s])/g;

/** Keeps the quotes of strings, so that a template literal can still be told from a plain string. */
function blankCommentsAndStrings(text: string): string {
  return text.replace(BLANKED, (token, at: number) => {
    const isComment = token.startsWith('//') || token.startsWith('/*');
    if (
      token.startsWith('/') &&
      !isComment &&
      !/[(,=:[!&|?{};\n]\s*$|return\s*$/.test(text.slice(Math.max(0, at - 20), at))
    )
      return token; // a division
    const blank = token.replace(/[^\n]/g, ' ');
    return isComment || token.startsWith('/') ? blank : token[0] + blank.slice(1, -1) + token.at(-1);
  });
}
