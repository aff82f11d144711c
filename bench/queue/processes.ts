import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Order, Report } from './order.ts';

/** Runs one process for each order, lets all begin at the same moment, and gives what they did. Throws when one fails. */
export async function runTogether(
  program: string,
  orders: readonly (Order & object)[],
  signal: AbortSignal,
): Promise<Report[]> {
  const children = orders.map((order) => start(program, order, signal));
  try {
    await Promise.all(children.map((child) => lineOf(child, (line) => line === 'ready')));
    const reports = children.map((child) => lineOf(child, (line) => line.startsWith('{')));
    for (const { stdin } of children) stdin?.write('go\n');
    return (await Promise.all(reports)).map((line): Report => JSON.parse(line));
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Runs one process to its end. */
export async function runAlone(program: string, order: object, signal: AbortSignal): Promise<void> {
  const [code] = await once(start(program, order, signal), 'exit');
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

function start(program: string, order: object, signal: AbortSignal): ChildProcess {
  const path = new URL(program, import.meta.url).pathname;
  const child = spawn(process.execPath, [path, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  child.on('error', () => {});
  return child;
}

async function lineOf(child: ChildProcess, isWanted: (line: string) => boolean): Promise<string> {
  if (!child.stdout) throw new Error('a process without output');
  const lines = createInterface({ input: child.stdout });
  try {
    return await new Promise((resolve, reject) => {
      lines.on('line', (line) => isWanted(line) && resolve(line));
      child.once('exit', (code, signal) => reject(new Error(`a process of the benchmark ended (${signal ?? code})`)));
    });
  } finally {
    lines.close();
  }
}
