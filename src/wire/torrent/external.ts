/** Torrents fetched by a program that somebody runs, into our own folder, which it sees under a name of its own. */
import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { insideRoot } from '#core/names.ts';
import type { ClientState, ClientTorrent, TorrentClient } from './clients/client.ts';
import { openClient } from './clients/index.ts';
import type { FinishedFile, MetadataWish, TorrentEngine, TorrentHooks, TorrentOrder } from './engine.ts';

const lookMs = 1000;
/** A program that is started anew is away for a while. */
const mostAwayMs = 60_000;
/** What was just added, resumed or checked is paused for a moment, although nobody paused it. */
const mostStuckMs = 10_000;

export type PathMap = { ours: string; theirs: string };

export class ExternalEngine implements TorrentEngine {
  readonly #client: TorrentClient;
  readonly #close: () => Promise<void>;
  readonly #paths: PathMap[];

  constructor(link: string, paths: PathMap[]) {
    const { client, close } = openClient(link);
    this.#client = client;
    this.#close = close;
    this.#paths = paths;
  }

  get name(): string {
    return this.#client.name;
  }

  async fetch(order: TorrentOrder, hooks: TorrentHooks, signal: AbortSignal): Promise<FinishedFile[]> {
    const ours = join(order.folder, 'client');
    // The program may run as another user.
    await mkdir(ours, { recursive: true, mode: 0o777 });
    signal.throwIfAborted();
    const torrent = await this.#client.add(order, theirPath(ours, this.#paths), signal);
    try {
      await this.#follow(torrent, order, hooks, signal);
      const paths = await torrent.paths();
      return await Promise.all(
        order.files.filter(({ isWanted }) => isWanted).map((file) => this.#finished(ours, file, paths.get(file.position))),
      );
    } finally {
      // Whatever became of it, nothing goes on behind our back. A program that is away keeps it, and is asked at the next try.
      await torrent.remove().catch((error) => hooks.debug(toFailure(error).message));
    }
  }

  async fetchMetadata(_wish: MetadataWish, _signal: AbortSignal): Promise<Uint8Array> {
    throw new FlotillaError('unsupported', `${this.name} is given torrents, and is not asked what a magnet stands for.`);
  }

  close(): Promise<void> {
    return this.#close();
  }

  async #follow(torrent: ClientTorrent, order: TorrentOrder, hooks: TorrentHooks, signal: AbortSignal): Promise<void> {
    const sizeBytes = order.files.reduce((sum, file) => sum + (file.isWanted ? file.sizeBytes : 0), 0);
    let limit: number | null = null;
    let doneAtMs: number | null = null;
    for (;;) {
      const wanted = hooks.limitBytesPerSecond();
      if (wanted !== limit) await torrent.limit(wanted);
      limit = wanted;
      const state = await this.#look(torrent, hooks, signal);
      const isDone = state.phase === 'done';
      hooks.state({
        phase: state.phase === 'done' ? 'giving' : state.phase,
        doneBytes: isDone ? sizeBytes : Math.min(state.doneBytes, sizeBytes),
        sizeBytes,
        speedBytesPerSecond: state.speedBytesPerSecond,
        receivedBytes: state.receivedBytes,
        connections: state.connections,
        // Which bytes they are, the programs tell in a form of their own.
        ranges: isDone && sizeBytes > 0 ? [[0, sizeBytes]] : [],
        bannedCount: 0,
      });
      if (isDone) {
        doneAtMs ??= performance.now();
        const gaveLong = performance.now() - doneAtMs >= order.seedSeconds * 1000;
        if (order.stopRatio === 0 || state.ratio >= order.stopRatio || gaveLong) return;
      }
      await pause(lookMs, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }

  /** Throws `refused` with the program's words when it does not go on, and the last fault when it is away for long. */
  async #look(torrent: ClientTorrent, hooks: TorrentHooks, signal: AbortSignal): Promise<ClientState> {
    const sinceMs = performance.now();
    for (let isTold = false; ; ) {
      try {
        const state = await torrent.look();
        if (state === null) throw this.#stopped('it was removed there', 'later');
        if (state.problem === null || state.phase === 'done') return state;
        if (performance.now() - sinceMs > mostStuckMs) throw this.#stopped(state.problem, 'later');
      } catch (error) {
        const { retry, code, message } = toFailure(error);
        const isAway = retry === 'later' && code !== 'refused' && code !== 'internal';
        if (!isAway || performance.now() - sinceMs > mostAwayMs) throw error;
        if (!isTold) hooks.note('waiting', `${message} It is asked again.`);
        isTold = true;
      }
      await pause(lookMs, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }

  #stopped(why: string, retry: 'later'): FlotillaError {
    return new FlotillaError('refused', `${this.name} does not go on with this torrent: ${why}.`, { retry });
  }

  /** A regular file of the right size in our folder: names in torrents, and links on the disk, lead nowhere else. */
  async #finished(
    folder: string,
    { index, sizeBytes }: TorrentOrder['files'][number],
    path: string | undefined,
  ): Promise<FinishedFile> {
    const diskPath = path === undefined ? null : insideRoot(folder, path);
    const found = diskPath === null ? null : await lstat(diskPath).catch(() => null);
    if (diskPath !== null && found?.isFile() && found.size === sizeBytes) return { index, diskPath };
    const message = `${this.name} says that it is done, but its file ${index} is not in ${folder}. Do both see the same folder? See torrent.clientPaths.`;
    throw new FlotillaError('refused', message);
  }
}

/** As the program sees it. */
function theirPath(path: string, maps: PathMap[]): string {
  const map = maps.find(({ ours }) => path === ours || path.startsWith(`${ours}/`));
  return map === undefined ? path : map.theirs + path.slice(map.ours.length);
}
