/**
 * Runs `synod` as a process of its own, without blocking the one that asks.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  environment?: Record<string, string>;
  /** What the standard input says. */
  input?: string;
  directory?: string;
}

/** The process; its environment has nothing of ours but what is given. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  const env = { PATH: process.env['PATH'] ?? '', ...options.environment };
  const child = spawn(process.execPath, [MAIN, ...args], { env, cwd: options.directory, stdio: 'pipe' });
  child.stdin?.end(options.input ?? '');
  return child;
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, stdout: await stdout, stderr: await stderr };
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
