/** The one place that starts other programs. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { FlotillaError } from '#core/errors.ts';

export type ChildWish = {
  command: string;
  args: readonly string[];
  /** Its working folder, and its home. */
  folder: string;
  /** Folders in which programs are found, as PATH names them; those of the system when absent. */
  searchPath?: string;
  /** Beside PATH, HOME and LANG, which are all that it gets. */
  env?: Record<string, string>;
  /** A channel for messages: the program is Node. */
  hasChannel?: boolean;
};

export interface Child {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** How it ended; a signal has a name. Never rejects. */
  readonly done: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Structured data, with `hasChannel`. Nothing happens when it is gone. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Does our process stay for it? It does, unless told. When we end, it is killed. */
  hold(isHeld: boolean): void;
  /** Of it and all that it started. Nothing happens when it is gone. */
  kill(signal: NodeJS.Signals): void;
}

const systemPath = '/usr/local/bin:/usr/bin:/bin';

/**
 * Starts a program without a shell, in a process group of its own, with a bare environment and nothing to read. What it writes
 * must be read, or it waits. It is killed when we end in good order; a program with a channel notices when we are killed.
 * Throws `tool_missing` when there is no such program.
 */
export async function startChild({
  command,
  args,
  folder,
  searchPath = systemPath,
  env = {},
  hasChannel = false,
}: ChildWish): Promise<Child> {
  const spawned = spawn(command, args, {
    cwd: folder,
    detached: true,
    env: { PATH: searchPath, HOME: folder, LANG: 'C.UTF-8', ...env },
    stdio: hasChannel ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
    serialization: 'advanced',
  });
  await begun(spawned, command);
  const { pid, stdout, stderr } = spawned as ChildProcess & { pid: number; stdout: Readable; stderr: Readable };
  let isGone = false;
  const kill = (signal: NodeJS.Signals) => {
    try {
      // A negative number names the group. When its leader is gone, others of it may still be there.
      process.kill(-pid, signal);
    } catch {
      // All of them are gone.
    }
  };
  const onExit = () => kill('SIGKILL');
  process.once('exit', onExit);
  const done = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    spawned.once('exit', (code, signal) => {
      isGone = true;
      process.off('exit', onExit);
      resolve({ code, signal });
    });
  });
  spawned.on('error', () => {});
  return {
    pid,
    stdout,
    stderr,
    done,
    send: (message) => {
      if (!isGone && spawned.connected) spawned.send(message as object, () => {});
    },
    onMessage: (listener) => spawned.on('message', listener),
    hold(isHeld) {
      // Pipes of a child are sockets.
      const held = [spawned, spawned.channel, stdout as Socket, stderr as Socket];
      for (const handle of held) isHeld ? handle?.ref() : handle?.unref();
    },
    kill,
  };
}

function begun(spawned: ChildProcess, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    spawned.once('spawn', resolve);
    spawned.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `The program ${command} cannot be started (${cause.code}). Install it, or say where it is.`;
      reject(new FlotillaError('tool_missing', message, { cause }));
    });
  });
}
