/** One child process of the torrent engine, and what is asked of it. */
import { fileURLToPath } from 'node:url';
import { FlotillaError } from '#core/errors.ts';
import { type Child, startChild } from '#wire/child.ts';
import type { MetadataWish, TorrentHooks, TorrentOrder } from './engine.ts';
import { beatMs, type Command, type EngineBeginning, type Saying } from './words.ts';

const program = fileURLToPath(new URL('inside/main.ts', import.meta.url));
/** What a torrent holds in memory is bounded by the engine itself; this is for what it does not see. */
const mostHeapMiB = 192;
const mostMemoryBytes = 700 * 2 ** 20;
/** Loading the library may take long on a small machine. */
const startingMs = 60_000;
/** So many signs in a row must be missing. A look that was late itself proves nothing. */
const missedBeats = 4;
const removingMs = 5000;

/** The child is gone, and with it what it was doing. */
export class EngineGone extends Error {}

type Answer = Extract<Saying, { say: 'fetched' | 'metadata' }>;
type Asked = {
  /** Under which the same torrent is known to others. */
  infoHash: string | null;
  hooks: TorrentHooks | null;
  answered(answer: Answer): void;
  failed(error: Error): void;
  removed(): void;
};

export class EngineProcess {
  readonly #child: Promise<Child>;
  readonly #asked = new Map<number, Asked>();
  #isGone = false;
  #missed = -startingMs / beatMs;
  #watch: NodeJS.Timeout;

  constructor(beginning: EngineBeginning, searchPath: string) {
    this.#child = this.#start(beginning, searchPath);
    this.#child.catch((error: Error) => this.#end(error));
    let lookedAtMs = performance.now();
    this.#watch = setInterval(() => {
      const nowMs = performance.now();
      const isPunctual = nowMs - lookedAtMs < beatMs * 1.5;
      lookedAtMs = nowMs;
      if (isPunctual && ++this.#missed > missedBeats) this.#kill();
      for (const [id, { hooks }] of this.#asked) {
        if (hooks !== null) this.#tell({ do: 'limit', id, bytesPerSecond: hooks.limitBytesPerSecond() });
      }
    }, beatMs);
    this.#watch.unref();
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** For tests. Resolves when it has begun. */
  async pid(): Promise<number> {
    return (await this.#child).pid;
  }

  /** The library takes one torrent once. */
  isBusyWith(infoHash: string | null): boolean {
    return [...this.#asked.values()].some((asked) => asked.infoHash === infoHash);
  }

  /** Throws `EngineGone` when the child dies meanwhile. */
  async fetch(id: number, order: TorrentOrder, hooks: TorrentHooks, signal: AbortSignal): Promise<void> {
    const begin = (): Command => ({ do: 'fetch', id, order, limitBytesPerSecond: hooks.limitBytesPerSecond() });
    await this.#ask(id, order.infoHash, begin, hooks, signal);
  }

  /** Throws `EngineGone` likewise. */
  async fetchMetadata(id: number, wish: MetadataWish, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#ask(id, wish.infoHash, () => ({ do: 'metadata', id, wish }), null, signal);
    return (answer as Extract<Answer, { say: 'metadata' }>).info;
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    const child = await this.#child.catch(() => null);
    child?.kill('SIGKILL');
    await child?.done;
  }

  async #start(beginning: EngineBeginning, searchPath: string): Promise<Child> {
    const child = await startChild({
      command: process.execPath,
      // The cipher of encrypted peers is an old one; in JavaScript it takes half a processor.
      args: [`--max-old-space-size=${mostHeapMiB}`, '--max-semi-space-size=16', '--openssl-legacy-provider', program],
      folder: '/',
      searchPath,
      hasChannel: true,
    });
    let lastWords = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-2000);
    });
    child.onMessage((word) => this.#hear(word as Saying));
    child.done.then(({ code, signal }) => {
      this.#end(new EngineGone(`the torrent engine ended (${signal ?? code}) ${lastWords}`));
    });
    child.send({ do: 'begin', ...beginning } satisfies Command);
    return child;
  }

  #ask(
    id: number,
    infoHash: string | null,
    begin: () => Command,
    hooks: TorrentHooks | null,
    signal: AbortSignal,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#isGone) return reject(new EngineGone('the torrent engine is gone'));
      const settle = (run: () => void) => {
        this.#asked.delete(id);
        signal.removeEventListener('abort', abort);
        clearTimeout(timer);
        run();
      };
      const giveUp = () => settle(() => reject(signal.reason));
      let timer: NodeJS.Timeout | undefined;
      // It writes down what it has first, so that the next try of this worker finds nobody in its place.
      const abort = () => {
        this.#tell({ do: 'remove', id });
        timer = setTimeout(giveUp, removingMs);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#asked.set(id, {
        infoHash,
        hooks,
        answered: (answer) => settle(() => resolve(answer)),
        failed: (error) => settle(() => reject(signal.aborted ? signal.reason : error)),
        removed: giveUp,
      });
      this.#tell(begin());
    });
  }

  #hear(word: Saying): void {
    this.#missed = 0;
    if (word.say === 'beat') {
      if (word.memoryBytes > mostMemoryBytes) this.#kill();
      for (const [id, state] of word.states) this.#asked.get(id)?.hooks?.state(state);
      return;
    }
    const asked = this.#asked.get(word.id);
    if (asked === undefined) return;
    if (word.say === 'debug') asked.hooks?.debug(word.line);
    else if (word.say === 'removed') asked.removed();
    else if (word.say === 'failed') asked.failed(new FlotillaError(word.code, word.message));
    else asked.answered(word);
  }

  #tell(command: Command): void {
    this.#child.then((child) => child.send(command)).catch(() => {});
  }

  #kill(): void {
    this.#child.then((child) => child.kill('SIGKILL')).catch(() => {});
  }

  #end(error: Error): void {
    if (this.#isGone) return;
    this.#isGone = true;
    clearInterval(this.#watch);
    for (const asked of [...this.#asked.values()]) asked.failed(error);
  }
}
