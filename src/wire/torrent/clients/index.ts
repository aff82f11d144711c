/** The torrent programs that can be asked to fetch. */
import { FlotillaError } from '#core/errors.ts';
import { createAria2 } from './aria2.ts';
import { type Ask, createAsk } from './ask.ts';
import type { TorrentClient } from './client.ts';
import { createDeluge } from './deluge.ts';
import { type ClientKind, readClientLink } from './link.ts';
import { createQbittorrent } from './qbittorrent.ts';
import { createRtorrent } from './rtorrent.ts';
import { createTransmission } from './transmission.ts';

const kinds: Record<ClientKind, { name: string; create(ask: Ask, link: URL): TorrentClient }> = {
  transmission: { name: 'Transmission', create: createTransmission },
  qbittorrent: { name: 'qBittorrent', create: createQbittorrent },
  deluge: { name: 'Deluge', create: createDeluge },
  aria2: { name: 'aria2', create: createAria2 },
  rtorrent: { name: 'rTorrent', create: createRtorrent },
};

/** The program behind such a link, and how to let go of it. */
export function openClient(text: string): { client: TorrentClient; close(): Promise<void> } {
  const found = readClientLink(text);
  if (found === null) throw new FlotillaError('link_invalid', 'The setting torrent.client names no program that is known.');
  const { name, create } = kinds[found.kind];
  const { ask, close } = createAsk(name, found.link);
  return { client: create(ask, found.link), close };
}
