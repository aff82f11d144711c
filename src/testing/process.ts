import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseAfter, type Scope } from './temp.ts';

/** A port on 127.0.0.1 the process has to listen on, a pattern its output has to match, or a question about its output. */
export type Ready = number | RegExp | ((output: string) => boolean);

export type ProcessOptions = {
  /** Added to our own environment; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Without it the process counts as ready at once. */
  ready?: Ready;
  /** How long to wait for `ready`. */
  readySeconds?: number;
  /** How long after SIGTERM SIGKILL follows. */
  stopSeconds?: number;
};

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type StartedProcess = {
  readonly pid: number;
  /** Everything printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Fulfils when the process is gone, by itself or killed; never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends the signal to this process only; fulfils when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** SIGTERM, then SIGKILL when it does not obey, and to what it left running. Runs by itself after the test. */
  stop(): Promise<Exit>;
  /** Waits like `ready` does; throws with the output when the process ends or the time is over first. */
  until(ready: Ready, seconds?: number): Promise<void>;
};

/**
 * Starts a program in the foreground as our own child and waits until it is ready. It is stopped after the test.
 * A port only counts when the child (or a child of it) is the one who listens there: fixed and reused ports collide.
 */
export async function startProcess(
  t: Scope,
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<StartedProcess> {
  const { ready, readySeconds = 15, stopSeconds = 5 } = options;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text));
  let exit: Exit | null = null;
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      printed.stderr += error.message;
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
    // `close` comes after the last output, but a grandchild that holds the pipes would delay it, and us, for ever.
    child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), 1000).unref());
  });
  void exited.then((result) => {
    exit = result;
    child.stdout.destroy();
    child.stderr.destroy();
  });

  const started: StartedProcess = {
    pid: child.pid ?? -1,
    exited,
    get stdout() {
      return printed.stdout;
    },
    get stderr() {
      return printed.stderr;
    },
    async kill(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    async stop() {
      if (!exit) await terminate(child, exited, stopSeconds * 1000);
      return exited;
    },
    async until(wanted, seconds = readySeconds) {
      const endsAtMs = performance.now() + seconds * 1000;
      while (!(await isReady(wanted, child, printed.stdout + printed.stderr))) {
        const problem = exit
          ? `ended (${exit.signal ?? exit.code})`
          : performance.now() > endsAtMs && `was not ready after ${seconds} s`;
        if (problem) throw new Error(`${command} ${args.join(' ')} ${problem}:\n${printed.stdout}${printed.stderr}`);
        await sleep(10);
      }
    },
  };
  releaseAfter(t, () => started.stop());
  if (ready !== undefined) await started.until(ready);
  return started;
}

async function terminate(child: ChildProcess, exited: Promise<Exit>, stopMs: number): Promise<void> {
  const below =
    child.pid === undefined
      ? []
      : family(child.pid)
          .slice(1)
          .map((pid) => ({ pid, startedAt: startOf(pid) }));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await exited;
  clearTimeout(timer);
  for (const { pid, startedAt } of below) {
    // The time it started tells that the number has not gone to a stranger since.
    if (startedAt !== null && startOf(pid) === startedAt) process.kill(pid, 'SIGKILL');
  }
}

/** When a process started, in ticks since boot: field 22 of /proc/PID/stat; null when there is no such process. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

async function isReady(ready: Ready, child: ChildProcess, output: string): Promise<boolean> {
  if (ready instanceof RegExp) return ready.test(output);
  if (typeof ready === 'function') return ready(output);
  const isAlive = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return isAlive && (await accepts(ready)) && listens(child.pid ?? -1, ready);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Does this process or one below it hold the listening socket of the port? Where there is no /proc we believe it. */
function listens(pid: number, port: number): boolean {
  if (!existsSync('/proc/net/tcp')) return true;
  const sockets = listeningSockets(port);
  return family(pid).some((member) => holdsAny(member, sockets));
}

/** `socket:[inode]` of every socket in state LISTEN (0A) on the port, see proc(5). */
function listeningSockets(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!existsSync(table)) continue;
    for (const line of readFileSync(table, 'latin1').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) && fields[3] === '0A') sockets.add(`socket:[${fields[9]}]`);
    }
  }
  return sockets;
}

function family(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
    return [pid, ...children.flatMap((child) => family(Number(child)))];
  } catch {
    return [pid];
  }
}

function holdsAny(pid: number, sockets: Set<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
