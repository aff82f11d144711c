/** The engine that we bring ourselves: WebTorrent, in a child process that may die without harm. */
import { FlotillaError } from '#core/errors.ts';
import type { FinishedFile, MetadataWish, TorrentEngine, TorrentHooks, TorrentOrder } from './engine.ts';
import { EngineGone, EngineProcess } from './engine-process.ts';
import { placeOfFile } from './places.ts';
import type { EngineBeginning } from './words.ts';

/** Two pieces and more are in memory at a time, and the process has a bound. */
const mostPieceLengthBytes = 128 * 2 ** 20;
/** A torrent that broke its process so often is not tried again. */
const mostDeaths = 3;

/** Why our own engine cannot fetch it, to follow "this torrent"; null: it can. */
export function obstacleOf({ infoHash, pieceHashes, pieceLengthBytes }: TorrentOrder): string | null {
  if (infoHash === null || pieceHashes.length === 0) return 'is of version 2 alone';
  return pieceLengthBytes > mostPieceLengthBytes ? `has pieces of more than ${mostPieceLengthBytes / 2 ** 20} MiB` : null;
}

export class EmbeddedEngine implements TorrentEngine {
  readonly #beginning: EngineBeginning;
  readonly #searchPath: string;
  /** For all that never broke anything. */
  #common: EngineProcess | null = null;
  readonly #single = new Set<EngineProcess>();
  #nextId = 1;

  constructor(beginning: EngineBeginning, searchPath: string) {
    this.#beginning = beginning;
    this.#searchPath = searchPath;
  }

  async fetch(order: TorrentOrder, hooks: TorrentHooks, signal: AbortSignal): Promise<FinishedFile[]> {
    const obstacle = obstacleOf(order);
    if (order.infoHash === null || obstacle !== null) {
      const message = `This torrent ${obstacle}, which the built-in engine does not fetch. Set a torrent program to use.`;
      throw new FlotillaError('unsupported', message);
    }
    await this.#survive(order.infoHash, hooks, (engine) => engine.fetch(this.#nextId++, order, hooks, signal));
    return order.files
      .filter(({ isWanted }) => isWanted)
      .map(({ index }) => ({ index, diskPath: placeOfFile(order.folder, index) }));
  }

  fetchMetadata(wish: MetadataWish, signal: AbortSignal): Promise<Uint8Array> {
    return this.#survive(wish.infoHash, null, (engine) => engine.fetchMetadata(this.#nextId++, wish, signal));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#single, ...(this.#common === null ? [] : [this.#common])].map((engine) => engine.close()));
  }

  /** Which process fetches just now; for tests. */
  async pids(): Promise<number[]> {
    const all = [...this.#single, ...(this.#common === null ? [] : [this.#common])];
    return Promise.all(all.filter(({ isGone }) => !isGone).map((engine) => engine.pid()));
  }

  /** Starts another process when one died, and in the end says that it is enough. */
  async #survive<T>(infoHash: string, hooks: TorrentHooks | null, work: (engine: EngineProcess) => Promise<T>): Promise<T> {
    for (let deaths = 0; ; ) {
      const isSingle = deaths > 0 || this.#common?.isBusyWith(infoHash) === true;
      const engine = isSingle ? this.#startSingle() : this.#startCommon();
      try {
        return await work(engine);
      } catch (error) {
        if (!(error instanceof EngineGone)) throw error;
        if (++deaths === mostDeaths) throw parked(error);
        hooks?.debug(error.message);
        hooks?.note('restarted', 'The torrent engine stopped without a word. It was started again and goes on where it was.');
      } finally {
        if (isSingle) {
          this.#single.delete(engine);
          await engine.close();
        }
      }
    }
  }

  #startCommon(): EngineProcess {
    if (this.#common === null || this.#common.isGone) this.#common = new EngineProcess(this.#beginning, this.#searchPath);
    return this.#common;
  }

  /** Whoever was there when a process died goes on in one of its own, so that the next death names the guilty. */
  #startSingle(): EngineProcess {
    const engine = new EngineProcess({ ...this.#beginning, port: 0 }, this.#searchPath);
    this.#single.add(engine);
    return engine;
  }
}

function parked(cause: Error): FlotillaError {
  const message = `The torrent engine broke ${mostDeaths} times over this torrent, so it is left alone. What it sends may be hostile; try another torrent of the same.`;
  return new FlotillaError('unsupported', message, { cause });
}
