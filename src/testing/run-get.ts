import { join } from 'node:path';
import { type StartedProcess, startProcess } from './process.ts';
import type { Scope } from './temp.ts';

/** The program as people start it. */
export const launcher = join(import.meta.dirname, '../../flotilla');

const plain = { FLOTILLA_NET_ALLOW: undefined, FORCE_COLOR: undefined, NO_COLOR: undefined };

/** Starts the program, or another, without what our own surroundings say about colours and networks. */
export function startPlainly(
  t: Scope,
  args: readonly string[],
  command = launcher,
  env: Record<string, string> = {},
): Promise<StartedProcess> {
  return startProcess(t, command, args, { env: { ...plain, ...env } });
}

export type Ran = { code: number | null; stdout: string; stderr: string };

/** Runs `flotilla get` to its end. */
export async function runGet(t: Scope, folder: string, ...args: string[]): Promise<Ran> {
  return untilEnd(await startPlainly(t, ['get', '-d', folder, '--max-tries', '2', ...args]));
}

export async function untilEnd(started: StartedProcess): Promise<Ran> {
  const { code } = await started.exited;
  return { code, stdout: started.stdout, stderr: started.stderr };
}
