/** qBittorrent by its Web API (github.com/qbittorrent/qBittorrent/wiki, WebUI API), versions 4.1 to 5. */
import { z } from 'zod';
import type { TorrentOrder } from '../engine.ts';
import { type Ask, type ClientAnswer, clientRefused, loginRefused, readJson } from './ask.ts';
import { type ClientTorrent, idOf, peerOf, type TorrentClient } from './client.ts';

const name = 'qBittorrent';
/** What it takes it lists soon after. */
const mostListingMs = 30_000;

const torrentShape = z.object({
  state: z.string(),
  completed: z.number(),
  amount_left: z.number(),
  size: z.number(),
  dlspeed: z.number(),
  downloaded_session: z.number(),
  ratio: z.number(),
});

const peersShape = z.object({
  peers: z.record(z.string(), z.object({ dl_speed: z.number().default(0) })).default({}),
});

const priorities = { low: 1, normal: 1, high: 6 } as const;

export function createQbittorrent(ask: Ask, link: URL): TorrentClient {
  let cookie = '';
  // It refuses requests that seem to come from a page of another origin.
  const headers = () => ({ referer: link.origin, ...(cookie !== '' && { cookie }) });

  async function logIn(): Promise<void> {
    const body = new URLSearchParams({
      username: decodeURIComponent(link.username),
      password: decodeURIComponent(link.password),
    });
    const { status, headers: said, text } = await ask('/api/v2/auth/login', { body, headers: headers() });
    if (status >= 400 || text === 'Fails.') throw loginRefused(name);
    cookie = said['set-cookie']?.split(';')[0] ?? '';
  }

  async function call(method: string, body?: URLSearchParams | FormData): Promise<ClientAnswer> {
    const post = () => ask(`/api/v2/${method}`, { ...(body && { body }), headers: headers() });
    let answer = await post();
    if (answer.status === 403) {
      await logIn();
      answer = await post();
    }
    if (answer.status === 403) throw loginRefused(name);
    return answer;
  }

  async function tell(method: string, fields: Record<string, string>): Promise<void> {
    const answer = await call(method, new URLSearchParams(fields));
    if (answer.status >= 400) throw clientRefused(name, `${method}: ${answer.status} ${answer.text}`);
  }

  /** Version 5 has other words for it. */
  async function begin(hashes: string): Promise<void> {
    const { status } = await call('torrents/start', new URLSearchParams({ hashes }));
    if (status === 404) await tell('torrents/resume', { hashes });
  }

  async function infoOf(hash: string): Promise<z.output<typeof torrentShape> | null> {
    const answer = await call(`torrents/info?hashes=${hash}`);
    const [found] = z.array(torrentShape).parse(readJson(name, answer));
    return found ?? null;
  }

  function torrentOf(hash: string): ClientTorrent {
    return {
      async look() {
        const found = await infoOf(hash);
        if (found === null) return null;
        const { state, size, amount_left: leftBytes } = found;
        const isDone = leftBytes === 0 && size > 0 && !state.startsWith('checking');
        const { peers } = peersShape.parse(readJson(name, await call(`sync/torrentPeers?hash=${hash}&rid=0`)));
        const isStuck = state === 'error' || state === 'missingFiles' || /^(?:paused|stopped)DL$/.test(state);
        return {
          phase: state.startsWith('checking') ? 'checking' : isDone ? 'done' : 'fetching',
          doneBytes: found.completed,
          speedBytesPerSecond: found.dlspeed,
          receivedBytes: found.downloaded_session,
          ratio: Math.max(0, found.ratio),
          connections: Object.entries(peers).map(([address, { dl_speed }]) => peerOf(address, dl_speed)),
          problem: isStuck ? `its state there is ${state}` : null,
        };
      },
      async paths() {
        const answer = await call(`torrents/files?hash=${hash}`);
        const shape = z.array(z.object({ index: z.number().optional(), name: z.string() }));
        const files = shape.parse(readJson(name, answer));
        return new Map(files.map((file, place) => [file.index ?? place, file.name]));
      },
      limit: (bytesPerSecond) =>
        tell('torrents/setDownloadLimit', { hashes: hash, limit: String(Math.round(bytesPerSecond ?? 0)) }),
      remove: () => tell('torrents/delete', { hashes: hash, deleteFiles: 'false' }),
    };
  }

  return {
    name,
    async add(order, folder, signal) {
      const hash = idOf(order);
      if ((await infoOf(hash)) === null) {
        const form = new FormData();
        form.set('torrents', new Blob([Uint8Array.from(order.document)]), 'file.torrent');
        const fields = {
          savepath: folder,
          autoTMM: 'false',
          contentLayout: 'Original',
          paused: 'true',
          stopped: 'true',
          sequentialDownload: String(order.isSequential),
          firstLastPiecePrio: String(order.edgesFirst),
        };
        for (const [key, value] of Object.entries(fields)) form.set(key, value);
        const answer = await call('torrents/add', form);
        if (answer.status >= 400 || answer.text === 'Fails.') throw clientRefused(name, 'it does not take this torrent');
        const untilMs = performance.now() + mostListingMs;
        while ((await infoOf(hash)) === null) {
          signal.throwIfAborted();
          if (performance.now() > untilMs) throw clientRefused(name, 'it took this torrent, and does not list it');
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      }
      await choose(hash, order);
      const { trackers, peers } = order;
      if (trackers.length > 0) await tell('torrents/addTrackers', { hash, urls: trackers.join('\n') });
      await begin(hash);
      if (peers.length > 0) await call('torrents/addPeers', new URLSearchParams({ hashes: hash, peers: peers.join('|') }));
      return torrentOf(hash);
    },
  };

  async function choose(hash: string, { files }: TorrentOrder): Promise<void> {
    const byPriority = Map.groupBy(files, ({ isWanted, priority }) => (isWanted ? priorities[priority] : 0));
    for (const [priority, some] of byPriority) {
      if (priority === 1 && byPriority.size === 1) continue;
      const id = some.map(({ position }) => position).join('|');
      await tell('torrents/filePrio', { hash, id, priority: String(priority) });
    }
  }
}
