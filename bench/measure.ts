/** What one command takes: time, work for the processor, memory. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type Command = { argv: readonly string[]; env?: Record<string, string> };
export type Run = { wallSeconds: number; cpuSeconds: number; peakMemoryMiB: number | null };

/**
 * Runs a command and measures it. bash's `time` has the kernel's own account (user + system of the process, its threads and
 * the children it waited for) in milliseconds. Memory is the sum of the high-water marks of all its processes: VmHWM never
 * sinks, so looking every few milliseconds misses at most the growth of the last ones.
 */
export async function measure(command: Command, cwd: string, signal: AbortSignal): Promise<Run> {
  signal.throwIfAborted();
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" 2>&4; } 4>&2 2>&3';
  const child = spawn('bash', ['-c', script, 'bash', ...command.argv], {
    cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own, so that bash and the program can be stopped together.
    detached: true,
  });
  const stop = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
  signal.addEventListener('abort', stop);
  let said = '';
  let times = '';
  child.stdio[2]?.on('data', (bytes: Buffer) => (said += bytes));
  child.stdio[3]?.on('data', (bytes: Buffer) => (times += bytes));
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, memoryBelow(child.pid ?? -1))), 10);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  });
  if (code !== 0) throw new Error(`${command.argv.join(' ')} ended with ${code}: ${said.slice(-2000)}`);
  const [real, user, system] = times.trim().replaceAll(',', '.').split(' ').map(Number);
  if (real === undefined || user === undefined || system === undefined) throw new Error(`bash did not tell the time: ${times}`);
  return { wallSeconds: real, cpuSeconds: user + system, peakMemoryMiB: peakBytes > 0 ? peakBytes / 2 ** 20 : null };
}

/** High-water marks of all processes below this one, added up; a process that goes away meanwhile counts nothing. */
function memoryBelow(pid: number): number {
  let children: string[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  } catch {
    return 0;
  }
  let sum = 0;
  for (const child of children) {
    sum += highWaterMark(child) + memoryBelow(Number(child));
  }
  return sum;
}

function highWaterMark(pid: string): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}
