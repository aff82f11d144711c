/** aria2 by its JSON-RPC (aria2.github.io/manual/en/html/aria2c.html#rpc-interface). */
import { z } from 'zod';
import type { TorrentOrder } from '../engine.ts';
import { type Ask, clientRefused, loginRefused, readJson } from './ask.ts';
import { type ClientTorrent, peerOf, type TorrentClient } from './client.ts';

const name = 'aria2';

const answerShape = z.object({
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});

/** All its numbers are text. */
const count = z.coerce.number();

const statusShape = z.object({
  status: z.string(),
  dir: z.string(),
  completedLength: count,
  totalLength: count,
  uploadLength: count,
  downloadSpeed: count,
  errorMessage: z.string().default(''),
  verifiedLength: count.optional(),
  verifyIntegrityPending: z.string().optional(),
  seeder: z.string().optional(),
  files: z.array(z.object({ index: count, path: z.string(), length: count, completedLength: count, selected: z.string() })),
});

export function createAria2(ask: Ask, link: URL): TorrentClient {
  const path = link.pathname === '/' ? '/jsonrpc' : link.pathname;
  const secret = decodeURIComponent(link.password);

  async function call(method: string, ...params: unknown[]): Promise<unknown> {
    const all = [...(secret === '' ? [] : [`token:${secret}`]), ...params];
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'flotilla', method: `aria2.${method}`, params: all });
    const answer = await ask(path, { body, headers: { 'content-type': 'application/json' } });
    const { result, error } = answerShape.parse(readJson(name, answer));
    if (error === undefined) return result;
    throw error.message === 'Unauthorized' ? loginRefused(name) : clientRefused(name, error.message);
  }

  function torrentOf(gid: string): ClientTorrent {
    const status = async () => statusShape.parse(await call('tellStatus', gid));
    /** What lay there before; it does not tell what came over the network. */
    let foundBytes: number | null = null;
    return {
      async look() {
        const found = await status();
        const wanted = found.files.filter(({ selected }) => selected === 'true');
        const doneBytes = wanted.reduce((sum, file) => sum + file.completedLength, 0);
        const isChecking = found.verifiedLength !== undefined || found.verifyIntegrityPending === 'true';
        const isDone = found.status === 'complete' || found.seeder === 'true' || wanted.every(isWhole);
        if (!isChecking) foundBytes ??= doneBytes;
        const peers = await call('getPeers', gid).catch(() => []);
        const shape = z.array(z.object({ ip: z.string(), port: z.string(), downloadSpeed: count })).catch([]);
        return {
          phase: isChecking ? 'checking' : isDone ? 'done' : 'fetching',
          doneBytes,
          speedBytesPerSecond: found.downloadSpeed,
          receivedBytes: isChecking ? 0 : doneBytes - (foundBytes ?? 0),
          ratio: found.totalLength === 0 ? 0 : found.uploadLength / found.totalLength,
          connections: shape.parse(peers).map(({ ip, port, downloadSpeed }) => peerOf(`${ip}:${port}`, downloadSpeed)),
          problem: ['error', 'removed', 'paused'].includes(found.status) ? found.errorMessage || found.status : null,
        };
      },
      async paths() {
        const { files, dir } = await status();
        // It counts files from one, and names them whole.
        return new Map(files.map((file) => [file.index - 1, file.path.slice(dir.replace(/\/+$/, '').length + 1)]));
      },
      async limit(bytesPerSecond) {
        await call('changeOption', gid, { 'max-download-limit': String(Math.round(bytesPerSecond ?? 0)) });
      },
      async remove() {
        await call('forceRemove', gid).catch(() => {});
        await call('removeDownloadResult', gid).catch(() => {});
      },
    };
  }

  return {
    name,
    async add(order, folder) {
      await forgetEarlier(order);
      const options = {
        dir: folder,
        'select-file': order.files.flatMap(({ isWanted, position }) => (isWanted ? [position + 1] : [])).join(','),
        'check-integrity': 'true',
        'allow-overwrite': 'true',
        'file-allocation': 'none',
        'seed-ratio': String(order.stopRatio),
        'seed-time': String(order.stopRatio === 0 ? 0 : order.seedSeconds / 60),
        ...(order.edgesFirst && { 'bt-prioritize-piece': 'head,tail' }),
        ...(order.trackers.length > 0 && { 'bt-tracker': order.trackers.join(',') }),
      };
      const gid = await call('addTorrent', Buffer.from(order.document).toString('base64'), [], options);
      return torrentOf(z.string().parse(gid));
    },
  };

  /** It refuses a second torrent of the same hash. */
  async function forgetEarlier({ infoHash }: TorrentOrder): Promise<void> {
    const shape = z.array(z.object({ gid: z.string(), infoHash: z.string().optional() }));
    for (const method of ['tellActive', 'tellWaiting', 'tellStopped']) {
      const page = method === 'tellActive' ? [] : [0, 1000];
      for (const one of shape.parse(await call(method, ...page, ['gid', 'infoHash']))) {
        if (one.infoHash === infoHash) await torrentOf(one.gid).remove();
      }
    }
  }
}

function isWhole({ completedLength, length }: { completedLength: number; length: number }): boolean {
  return completedLength === length;
}
