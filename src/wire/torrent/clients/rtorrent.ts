/** rTorrent by its XML-RPC (rtorrent-docs.readthedocs.io, commands reference), version 0.9.8, through the web server before it. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import type { TorrentOrder } from '../engine.ts';
import { type Ask, clientRefused, loginRefused } from './ask.ts';
import { type ClientTorrent, idOf, peerOf, type TorrentClient } from './client.ts';
import { readAnswer, writeCall, type XmlRpcValue } from './xml-rpc.ts';

const name = 'rTorrent';
/** What it takes it lists soon after. */
const mostListingMs = 30_000;
/** It takes 512 KiB at once unless told otherwise. */
const mostCallsAtOnce = 500;
/** The most that a throttle of one torrent knows, which is as good as none. */
const noLimitKib = 2 ** 20;
/** About the most that it takes for all torrents together, because it reckons its peers from it. */
const mostForAllKib = 300 * 1024;

const priorities = { low: 1, normal: 1, high: 2 } as const;

const faultShape = z.object({ faultCode: z.number(), faultString: z.string() });

type Call = [method: string, ...params: XmlRpcValue[]];

export function createRtorrent(ask: Ask, link: URL): TorrentClient {
  const credentials = `${decodeURIComponent(link.username)}:${decodeURIComponent(link.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const path = link.pathname === '/' ? '/RPC2' : link.pathname;

  async function post(body: string): Promise<XmlRpcValue> {
    const headers = { 'content-type': 'text/xml', ...(link.username !== '' && { authorization }) };
    const { status, text } = await ask(path, { body, headers });
    if (status === 401 || status === 403) throw loginRefused(name);
    if (status >= 502 && status <= 504) {
      const message = `The torrent program ${name} behind ${link.host} does not answer (${status}). Is it running?`;
      throw new FlotillaError('connection_lost', message);
    }
    try {
      return readAnswer(text);
    } catch (cause) {
      const message = `The torrent program ${name} answers ${status} with something that is no XML-RPC. Is the address right?`;
      throw new FlotillaError('protocol_error', message, { cause });
    }
  }

  async function call(...[method, ...params]: Call): Promise<XmlRpcValue> {
    return checked(await post(writeCall(method, params)));
  }

  /** In this order. Throws `refused` with what it says of the first that fails. */
  async function callAll(calls: Call[]): Promise<XmlRpcValue[]> {
    const values: XmlRpcValue[] = [];
    for (let at = 0; at < calls.length; at += mostCallsAtOnce) {
      const some = calls.slice(at, at + mostCallsAtOnce).map(([methodName, ...params]) => ({ methodName, params }));
      const answers = z.array(z.unknown()).parse(await call('system.multicall', some));
      for (const answer of answers) values.push((checked(answer as XmlRpcValue) as XmlRpcValue[])[0] as XmlRpcValue);
    }
    return values;
  }

  function torrentOf(order: TorrentOrder, hash: string, folder: string): ClientTorrent {
    const wanted = order.files.filter(({ isWanted }) => isWanted);
    const wantedBytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return {
      async look() {
        const said = await callAll(stateFields.map((field) => [field, hash])).catch(nullWhenUnknown);
        if (said === null) return null;
        const [isActive, hashing, hashingFailed, wantedChunks, downRate, downTotal, upTotal, message] = stateShape.parse(said);
        const peers = await call('p.multicall', hash, '', 'p.address=', 'p.port=', 'p.down_rate=').catch(nullWhenUnknown);
        // It goes on saying that it checks what it could not open.
        const isChecking = hashing !== 0 && hashingFailed === 0;
        const isDone = hashing === 0 && wantedChunks === 0;
        const stuck = hashingFailed !== 0 ? 'it cannot open its files' : isActive === 0 ? 'it was stopped there' : null;
        return {
          phase: isChecking ? 'checking' : isDone ? 'done' : 'fetching',
          // It counts pieces, which reach into files that are not wanted.
          doneBytes: Math.max(0, wantedBytes - wantedChunks * order.pieceLengthBytes),
          speedBytesPerSecond: downRate,
          receivedBytes: downTotal,
          ratio: wantedBytes === 0 ? 0 : upTotal / wantedBytes,
          connections: peersShape.parse(peers ?? []).map(([address, port, speed]) => peerOf(`${address}:${port}`, speed)),
          problem: isChecking || isDone ? null : stuck && (message.replace(/^Tracker: .*/s, '') || stuck),
        };
      },
      async paths() {
        const root = z.string().parse(await call('d.directory', hash));
        const below = root.slice(folder.replace(/\/+$/, '').length + 1);
        const found = await callAll(wanted.map(({ position }) => ['f.path', `${hash}:f${position}`]));
        const names = z.array(z.string()).parse(found);
        return new Map(
          wanted.map(({ position }, place) => [position, below === '' ? (names[place] as string) : `${below}/${names[place]}`]),
        );
      },
      async limit(bytesPerSecond) {
        // A throttle of one torrent holds only below one of all.
        if (bytesPerSecond !== null && (await call('throttle.global_down.max_rate')) === 0)
          await call('throttle.global_down.max_rate.set_kb', '', mostForAllKib);
        const limitKib = bytesPerSecond === null ? noLimitKib : Math.max(1, Math.round(bytesPerSecond / 1024));
        await call('throttle.down', '', throttleOf(hash), String(limitKib));
      },
      async remove() {
        await call('d.erase', hash).catch(nullWhenUnknown);
      },
    };
  }

  return {
    name,
    async add(order, folder, signal) {
      if (order.infoHash === null) throw clientRefused(name, 'it knows no torrents of version 2 alone');
      const hash = idOf(order).toUpperCase();
      const torrent = torrentOf(order, hash, folder);
      // It keeps what it knew of the files of one that it had before.
      await torrent.remove();
      const body = writeCall('load.raw', ['', documentOf(order)]);
      const mostBytes = z.number().parse(await call('network.xmlrpc.size_limit'));
      if (body.length > mostBytes) await call('network.xmlrpc.size_limit.set', '', body.length);
      checked(await post(body));
      try {
        await listed(hash, signal);
        await callAll([
          ['d.directory.set', hash, folder],
          ['throttle.down', '', throttleOf(hash), String(noLimitKib)],
          ['d.throttle_name.set', hash, throttleOf(hash)],
          ...order.trackers.slice(1).map((tracker): Call => ['d.tracker.insert', hash, 0, tracker]),
          ...filesOf(order, hash),
          ['d.update_priorities', hash],
        ]);
        // What was not checked yet is checked first.
        await call('d.start', hash);
        // Without `checked`: peers that it cannot name, such as those of IPv6, are left out.
        await call(
          'system.multicall',
          order.peers.map((peer) => ({ methodName: 'add_peer', params: [hash, peer] })),
        );
      } catch (error) {
        await torrent.remove().catch(() => {});
        throw error;
      }
      return torrent;
    },
  };

  async function listed(hash: string, signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + mostListingMs;
    while ((await call('d.hash', hash).catch(nullWhenUnknown)) === null) {
      signal.throwIfAborted();
      if (performance.now() > untilMs) throw clientRefused(name, 'it took this torrent, and does not list it');
      await pause(100);
    }
  }
}

const stateFields = [
  ...['d.is_active', 'd.hashing', 'd.hashing_failed', 'd.wanted_chunks', 'd.down.rate', 'd.down.total', 'd.up.total'],
  'd.message',
];
const count = z.number();
const stateShape = z.tuple([count, count, count, count, count, count, count, z.string()]);
const peersShape = z.array(z.tuple([z.string(), count, count]));

/**
 * Nothing else of the .torrent: it would believe what stands there about pieces that are right already. And it takes none without a
 * place for a tracker.
 */
function documentOf({ info, trackers: [first = ''] }: TorrentOrder): Uint8Array {
  const head = `d8:announce${Buffer.byteLength(first)}:${first}4:info`;
  return Buffer.concat([Buffer.from(head), info, Buffer.from('e')]);
}

/** What is no file to us, such as padding, is not wanted. */
function filesOf({ files, edgesFirst }: TorrentOrder, hash: string): Call[] {
  const last = Math.max(...files.map(({ position }) => position));
  const all = new Map(Array.from({ length: last + 1 }, (_, position) => [position, 0]));
  for (const { position, isWanted, priority } of files) all.set(position, isWanted ? priorities[priority] : 0);
  return [...all].flatMap(([position, priority]): Call[] => {
    const target = `${hash}:f${position}`;
    const edges: Call[] = [
      ['f.prioritize_first.enable', target],
      ['f.prioritize_last.enable', target],
    ];
    return [['f.priority.set', target, priority], ...(edgesFirst && priority > 0 ? edges : [])];
  });
}

/** One for each torrent, and for each time that it is fetched the same: it forgets none until it is started anew. */
function throttleOf(hash: string): string {
  return `flotilla-${hash.toLowerCase()}`;
}

function checked(value: XmlRpcValue): XmlRpcValue {
  const fault = faultShape.safeParse(value);
  if (fault.success) throw clientRefused(name, fault.data.faultString);
  return value;
}

function nullWhenUnknown(error: unknown): null {
  if (error instanceof FlotillaError && error.code === 'refused' && /info-hash/i.test(error.message)) return null;
  throw error;
}
