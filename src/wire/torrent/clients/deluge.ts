/** Deluge by the JSON-RPC of its web interface (deluge.readthedocs.io, reference of the RPC API), version 2. */
import { z } from 'zod';
import type { TorrentOrder } from '../engine.ts';
import { type Ask, clientRefused, loginRefused, readJson } from './ask.ts';
import { type ClientTorrent, idOf, peerOf, type TorrentClient } from './client.ts';

const name = 'Deluge';

const answerShape = z.object({
  result: z.unknown(),
  error: z.object({ message: z.string(), code: z.number() }).nullable(),
});

const torrentShape = z.object({
  state: z.string(),
  message: z.string().default(''),
  total_wanted: z.number(),
  total_remaining: z.number(),
  all_time_download: z.number(),
  download_payload_rate: z.number(),
  ratio: z.number(),
  peers: z.array(z.object({ ip: z.string(), down_speed: z.number() })).default([]),
});

/** Of its web interface: not logged in. */
const notLoggedIn = 1;
const priorities = { low: 1, normal: 4, high: 7 } as const;

export function createDeluge(ask: Ask, link: URL): TorrentClient {
  const path = link.pathname === '/' ? '/json' : link.pathname;
  let cookie = '';
  let lastId = 0;

  async function post(method: string, params: unknown[]): Promise<z.output<typeof answerShape>> {
    const body = JSON.stringify({ method, params, id: ++lastId });
    const answer = await ask(path, { body, headers: { 'content-type': 'application/json', ...(cookie && { cookie }) } });
    cookie = answer.headers['set-cookie']?.split(';')[0] ?? cookie;
    return answerShape.parse(readJson(name, answer));
  }

  async function call(method: string, ...params: unknown[]): Promise<unknown> {
    let answer = await post(method, params);
    if (answer.error?.code === notLoggedIn || /Unknown method/i.test(answer.error?.message ?? '')) {
      await logIn();
      answer = await post(method, params);
    }
    if (answer.error !== null) throw clientRefused(name, answer.error.message);
    return answer.result;
  }

  /** The web interface is not the daemon: it is told to connect to one. */
  async function logIn(): Promise<void> {
    const { result } = await post('auth.login', [decodeURIComponent(link.password)]);
    if (result !== true) throw loginRefused(name);
    if ((await post('web.connected', [])).result === true) return;
    const hosts = z.array(z.array(z.unknown())).parse((await post('web.get_hosts', [])).result);
    const [host] = hosts;
    if (host === undefined) throw clientRefused(name, 'its web interface knows no daemon');
    await post('web.connect', [host[0]]);
  }

  function torrentOf(hash: string): ClientTorrent {
    return {
      async look() {
        const said = await call('core.get_torrent_status', hash, Object.keys(torrentShape.shape));
        if (typeof said !== 'object' || said === null || Object.keys(said).length === 0) return null;
        const found = torrentShape.parse(said);
        const { state, message, total_wanted: wanted, total_remaining: left } = found;
        const isChecking = state === 'Checking' || state === 'Allocating' || state === 'Moving';
        const isDone = !isChecking && wanted > 0 && left === 0;
        // The message of what is paused is "OK".
        const problem = state === 'Error' ? message || 'an error' : state === 'Paused' ? 'it is paused there' : null;
        return {
          phase: isChecking ? 'checking' : isDone ? 'done' : 'fetching',
          doneBytes: wanted - left,
          speedBytesPerSecond: found.download_payload_rate,
          receivedBytes: found.all_time_download,
          ratio: Math.max(0, found.ratio),
          connections: found.peers.map(({ ip, down_speed }) => peerOf(ip, down_speed)),
          problem,
        };
      },
      async paths() {
        const said = await call('core.get_torrent_status', hash, ['files']);
        const { files } = z.object({ files: z.array(z.object({ index: z.number(), path: z.string() })) }).parse(said);
        return new Map(files.map((file) => [file.index, file.path]));
      },
      async limit(bytesPerSecond) {
        const speed = bytesPerSecond === null ? -1 : Math.max(1, bytesPerSecond / 1024);
        await call('core.set_torrent_options', [hash], { max_download_speed: speed });
      },
      async remove() {
        await call('core.remove_torrent', hash, false);
      },
    };
  }

  return {
    name,
    async add(order, folder) {
      const hash = idOf(order);
      const known = z.array(z.string()).parse(await call('core.get_session_state'));
      const options = {
        sequential_download: order.isSequential,
        prioritize_first_last_pieces: order.edgesFirst,
        file_priorities: prioritiesOf(order),
        // We say when it has given enough.
        stop_at_ratio: false,
        auto_managed: false,
      };
      if (known.includes(hash)) {
        await call('core.set_torrent_options', [hash], options);
        // It comes back from the check as it went in.
        await call('core.resume_torrent', hash);
        await call('core.force_recheck', [hash]);
      } else {
        const dump = Buffer.from(order.document).toString('base64');
        const place = { download_location: folder, add_paused: false };
        await call('core.add_torrent_file', 'file.torrent', dump, { ...options, ...place });
      }
      if (order.trackers.length > 0) {
        const trackers = order.trackers.map((url, tier) => ({ url, tier }));
        await call('core.set_torrent_trackers', hash, trackers);
      }
      for (const peer of order.peers) {
        const at = peer.lastIndexOf(':');
        await call('core.connect_peer', hash, peer.slice(0, at).replace(/^\[|\]$/g, ''), Number(peer.slice(at + 1)));
      }
      return torrentOf(hash);
    },
  };
}

/** One for each file of the torrent; padding, which we do not know as files, is not wanted. */
function prioritiesOf({ files }: TorrentOrder): number[] {
  const last = Math.max(...files.map(({ position }) => position));
  const all = Array.from({ length: last + 1 }, () => 0);
  for (const { position, isWanted, priority } of files) all[position] = isWanted ? priorities[priority] : 0;
  return all;
}
