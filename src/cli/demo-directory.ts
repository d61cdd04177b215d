/**
 * The demo's folder. Its own one, `./.synod-demo`, carries a mark that says so and is removed at start and at exit; a
 * folder that the user named is never removed.
 *
 *   .synod-demo/demo.json     the mark: id of the process that uses it
 *   .synod-demo/cluster/      the cluster's directory
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const DEMO_DIRECTORY = '.synod-demo';
const MARK = 'demo.json';

/** The folder cannot be used. */
export class DirectoryError extends Error {}

export class DemoDirectory {
  /** The cluster's directory. */
  readonly path: string;
  /** The demo's own folder, removed at the end; undefined when the user named one. */
  readonly #own: string | undefined;

  private constructor(path: string, own: string | undefined) {
    this.path = path;
    this.#own = own;
  }

  /** Removes a leftover of an earlier demo. Throws DirectoryError for a folder that is someone else's. */
  static async prepare(named: string | undefined, parent = process.cwd()): Promise<DemoDirectory> {
    if (named !== undefined) return new DemoDirectory(named, undefined);
    const own = join(parent, DEMO_DIRECTORY);
    if (existsSync(own)) await removeLeftover(own);
    await mkdir(own);
    await writeFile(join(own, MARK), JSON.stringify({ pid: process.pid }));
    return new DemoDirectory(join(own, 'cluster'), own);
  }

  get isKept(): boolean {
    return this.#own === undefined;
  }

  async remove(): Promise<void> {
    if (this.#own !== undefined) await rm(this.#own, { recursive: true, force: true });
  }
}

async function removeLeftover(own: string): Promise<void> {
  const pid = await readMark(own);
  if (pid === undefined) {
    throw new DirectoryError(`${own} was not made by the demo: move it away, or choose another place with --directory`);
  }
  if (pid !== process.pid && isAlive(pid)) {
    throw new DirectoryError(
      `${own} is in use by process ${pid}: wait for it, or choose another place with --directory`,
    );
  }
  await rm(own, { recursive: true, force: true });
}

async function readMark(own: string): Promise<number | undefined> {
  try {
    const { pid } = JSON.parse(await readFile(join(own, MARK), 'utf8')) as { pid: unknown };
    return Number.isSafeInteger(pid) && (pid as number) > 0 ? (pid as number) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
