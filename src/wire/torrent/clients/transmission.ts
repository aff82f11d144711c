/** Transmission by its RPC (github.com/transmission/transmission, docs/rpc-spec.md), version 3 and later. */
import { z } from 'zod';
import type { TorrentOrder } from '../engine.ts';
import { type Ask, clientRefused, loginRefused, readJson } from './ask.ts';
import { type ClientTorrent, idOf, peerOf, type TorrentClient } from './client.ts';

const name = 'Transmission';
const sessionHeader = 'x-transmission-session-id';

const answerShape = z.object({ result: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) });

const torrentShape = z.object({
  status: z.number(),
  leftUntilDone: z.number(),
  sizeWhenDone: z.number(),
  downloadedEver: z.number(),
  rateDownload: z.number(),
  uploadRatio: z.number(),
  error: z.number(),
  errorString: z.string(),
  peers: z.array(z.object({ address: z.string(), port: z.number(), rateToClient: z.number() })).default([]),
});

const stopped = 0;
const checking = [1, 2];
/** The others are words of trackers, which come and go. */
const localError = 3;

export function createTransmission(ask: Ask, link: URL): TorrentClient {
  const credentials = `${decodeURIComponent(link.username)}:${decodeURIComponent(link.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const path = link.pathname === '/' ? '/transmission/rpc' : link.pathname;
  let session = '';

  async function call(method: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const body = JSON.stringify({ method, arguments: args });
    const post = () =>
      ask(path, {
        body,
        headers: {
          'content-type': 'application/json',
          [sessionHeader]: session,
          ...(link.username !== '' && { authorization }),
        },
      });
    let answer = await post();
    if (answer.status === 409) {
      session = answer.headers[sessionHeader] ?? '';
      answer = await post();
    }
    if (answer.status === 401 || answer.status === 403) throw loginRefused(name);
    const { result, arguments: said } = answerShape.parse(readJson(name, answer));
    if (result !== 'success') throw clientRefused(name, result);
    return said;
  }

  function torrentOf(order: TorrentOrder): ClientTorrent {
    const ids = [idOf(order)];
    return {
      async look() {
        const { torrents } = await call('torrent-get', { ids, fields: Object.keys(torrentShape.shape) });
        const [found] = z.array(torrentShape).parse(torrents);
        if (found === undefined) return null;
        const { status, leftUntilDone, sizeWhenDone, error, errorString } = found;
        const isDone = leftUntilDone === 0 && sizeWhenDone > 0;
        const isStuck = error === localError || (status === stopped && !isDone);
        return {
          phase: checking.includes(status) ? 'checking' : isDone ? 'done' : 'fetching',
          doneBytes: Math.max(0, sizeWhenDone - leftUntilDone),
          speedBytesPerSecond: found.rateDownload,
          receivedBytes: found.downloadedEver,
          ratio: Math.max(0, found.uploadRatio),
          connections: found.peers.map(({ address, port, rateToClient }) => peerOf(`${address}:${port}`, rateToClient)),
          problem: isStuck ? errorString || 'it was stopped there' : null,
        };
      },
      async paths() {
        const { torrents } = await call('torrent-get', { ids, fields: ['files'] });
        const shape = z.array(z.object({ files: z.array(z.object({ name: z.string() })) }));
        const [found] = shape.parse(torrents);
        return new Map((found?.files ?? []).map((file, position) => [position, file.name]));
      },
      async limit(bytesPerSecond) {
        const downloadLimit = Math.max(1, Math.round((bytesPerSecond ?? 0) / 1000));
        await call('torrent-set', { ids, downloadLimited: bytesPerSecond !== null, downloadLimit });
      },
      async remove() {
        await call('torrent-remove', { ids, 'delete-local-data': false });
      },
    };
  }

  return {
    name,
    async add(order, folder) {
      const positions = (wanted: (file: TorrentOrder['files'][number]) => boolean) =>
        order.files.filter(wanted).map(({ position }) => position);
      const torrent = torrentOf(order);
      const ids = [idOf(order)];
      await call('torrent-add', {
        metainfo: Buffer.from(order.document).toString('base64'),
        'download-dir': folder,
        paused: true,
      });
      // What it knew already may have had another folder and other wishes.
      await call('torrent-set-location', { ids, location: folder, move: false });
      const some = (key: string, values: unknown[]) => (values.length > 0 ? { [key]: values } : {});
      await call('torrent-set', {
        ids,
        ...some(
          'files-unwanted',
          positions(({ isWanted }) => !isWanted),
        ),
        ...some(
          'files-wanted',
          positions(({ isWanted }) => isWanted),
        ),
        ...some(
          'priority-high',
          positions(({ priority }) => priority === 'high'),
        ),
        ...some(
          'priority-low',
          positions(({ priority }) => priority === 'low'),
        ),
      });
      const known = await call('torrent-get', { ids, fields: ['trackers'] });
      const shape = z.array(z.object({ trackers: z.array(z.object({ announce: z.string() })) }));
      const trackers = shape.parse(known.torrents)[0]?.trackers.map(({ announce }) => announce) ?? [];
      const others = order.trackers.filter((tracker) => !trackers.includes(tracker));
      if (others.length > 0) await call('torrent-set', { ids, trackerAdd: others });
      await call('torrent-verify', { ids });
      await call('torrent-start', { ids });
      return torrent;
    },
  };
}
