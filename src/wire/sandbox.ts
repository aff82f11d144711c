/**
 * Documents of strangers are read in a process of their own, which may open no file and no connection, start nothing, and use
 * little memory and time. It is started at the first document and waits for the next; when one is too much for it, it is killed.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import type { ListedFile } from '#core/listing.ts';
import type { Closeable, Shared } from '#core/source.ts';
import { type Child, startChild } from './child.ts';
import type { Metainfo } from './metainfo.ts';

/** What is read there, and what comes of it. */
export type Readings = { torrent: Metainfo; metalink: ListedFile[] };
type Kind = keyof Readings;

export type ReadRequest = { kind: Kind; bytes: Uint8Array };
export type ReadAnswer = { value: unknown } | { failure: { code: ErrorCode; message: string } };

export type SandboxLimits = {
  /** Of work, not of waiting for a busy machine. */
  mostWorkMs: number;
  mostHeapMib: number;
};
const defaults: SandboxLimits = { mostWorkMs: 2000, mostHeapMib: 128 };
/** However busy the machine is; and where nobody tells how much work was done. */
const longestWaitMs = 30_000;
const lookEveryMs = 200;
/** A process that nobody needed for so long is let go, and at once one that read something larger, whose memory it would keep. */
const idleMs = 60_000;
const largeBytes = 2 ** 20;

const names: Record<Kind, string> = { torrent: 'torrent', metalink: 'Metalink document' };

/** The one of a process. */
export function sandboxOf(shared: Shared): Sandbox {
  return shared.get('sandbox', () => new Sandbox());
}

export class Sandbox implements Closeable {
  readonly #limits: SandboxLimits;
  #reader: Promise<Reader> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** A document is asked for its link first, and for its files then. */
  readonly #known: Record<Kind, WeakMap<Uint8Array, Promise<unknown>>> = { torrent: new WeakMap(), metalink: new WeakMap() };
  #idle: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(limits: Partial<SandboxLimits> = {}) {
    this.#limits = { ...defaults, ...limits };
  }

  /**
   * Reads one document after the other, each as one kind. Throws what its reader throws, and `unsupported` when it would need more
   * memory or time than any good document does.
   */
  read<K extends Kind>(kind: K, bytes: Uint8Array): Promise<Readings[K]> {
    const known = this.#known[kind].get(bytes);
    if (known !== undefined) return known as Promise<Readings[K]>;
    const reading = this.#last.then(() => this.#read(kind, bytes));
    this.#known[kind].set(bytes, reading);
    this.#last = reading.catch(() => {});
    return reading as Promise<Readings[K]>;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const reader = await this.#reader?.catch(() => null);
    reader?.child.hold(true);
    this.#letGo();
    await reader?.child.done;
  }

  async #read(kind: Kind, bytes: Uint8Array): Promise<unknown> {
    this.#stay();
    try {
      if (this.#isClosed) throw new Overwhelmed('it is closed');
      this.#reader ??= this.#start();
      const reader = await this.#reader;
      reader.child.hold(true);
      const answer = await ask(reader, { kind, bytes }, this.#limits.mostWorkMs);
      reader.child.hold(false);
      if ('value' in answer) return answer.value;
      throw new FlotillaError(answer.failure.code, answer.failure.message);
    } catch (error) {
      if (error instanceof FlotillaError) throw error;
      this.#letGo();
      if (this.#isClosed) throw new FlotillaError('task_lost', `The ${names[kind]} was not read: Flotilla ends here.`);
      if (!(error instanceof Overwhelmed)) throw error;
      const message = `The ${names[kind]} is refused: to read it would take more time or memory than any good one does.`;
      throw new FlotillaError('unsupported', message, { cause: error });
    } finally {
      this.#idle = setTimeout(() => this.#letGo(), bytes.length > largeBytes ? 0 : idleMs);
      this.#idle.unref();
    }
  }

  #start(): Promise<Reader> {
    const starting = start(this.#limits.mostHeapMib);
    const forget = () => {
      if (this.#reader === starting) this.#reader = null;
    };
    starting.then(({ child }) => child.done.then(forget), forget);
    return starting;
  }

  #stay(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
  }

  #letGo(): void {
    this.#stay();
    this.#reader?.then(
      ({ child }) => child.kill('SIGKILL'),
      () => {},
    );
    this.#reader = null;
  }
}

/** It died of a document, or had to be killed. */
class Overwhelmed extends Error {}

type Reader = {
  child: Child;
  /** Takes what it says next. */
  take: (answer: ReadAnswer) => void;
};

/** What Node is told, so that a program of this project can do nothing but compute and answer. */
export function confined(program: string, mostHeapMib: number): string[] {
  const own = fileURLToPath(new URL('../..', import.meta.url));
  const mayRead = [`${own}src/*`, `${own}package.json`].map((path) => `--allow-fs-read=${path}`);
  return ['--permission', ...mayRead, `--max-old-space-size=${mostHeapMib}`, `${own}${program}`];
}

async function start(mostHeapMib: number): Promise<Reader> {
  const child = await startChild({
    command: process.execPath,
    args: confined('src/wire/sandbox-child.ts', mostHeapMib),
    folder: '/',
    hasChannel: true,
  });
  child.stdout.resume();
  child.stderr.resume();
  const reader: Reader = { child, take: () => {} };
  child.onMessage((answer) => reader.take(answer as ReadAnswer));
  // Its first word is that it is there: what it takes to begin is no work for a document.
  await new Promise<unknown>((resolve, reject) => {
    reader.take = resolve;
    void child.done.then(({ code, signal }) =>
      reject(new Error(`the process that reads documents ended with ${signal ?? code}`)),
    );
  });
  return reader;
}

async function ask(reader: Reader, request: ReadRequest, mostWorkMs: number): Promise<ReadAnswer> {
  const { child } = reader;
  let ticker: NodeJS.Timeout | null = null;
  try {
    return await new Promise<ReadAnswer>((resolve, reject) => {
      const beganMs = performance.now();
      const workBeforeMs = workOf(child.pid) ?? 0;
      ticker = setInterval(() => {
        const workMs = (workOf(child.pid) ?? 0) - workBeforeMs;
        if (workMs > mostWorkMs || performance.now() - beganMs > longestWaitMs) reject(new Overwhelmed('it took too long'));
      }, lookEveryMs);
      reader.take = resolve;
      void child.done.then(({ code, signal }) => reject(new Overwhelmed(`it ended with ${signal ?? code}`)));
      child.send(request);
    });
  } finally {
    if (ticker !== null) clearInterval(ticker);
  }
}

/** Processor time that a process has used; null: this system does not tell (proc(5), fields 14 and 15, in hundredths). */
function workOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return null;
  }
}
