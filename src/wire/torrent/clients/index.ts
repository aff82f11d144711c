/** The torrent programs that can be asked to fetch. */
import { FlotillaError } from '#core/errors.ts';
import { createAria2 } from './aria2.ts';
import { type Ask, createAsk } from './ask.ts';
import type { TorrentClient } from './client.ts';
import { createDeluge } from './deluge.ts';
import { createQbittorrent } from './qbittorrent.ts';
import { createTransmission } from './transmission.ts';

const kinds: Record<string, { name: string; create(ask: Ask, link: URL): TorrentClient }> = {
  transmission: { name: 'Transmission', create: createTransmission },
  qbittorrent: { name: 'qBittorrent', create: createQbittorrent },
  deluge: { name: 'Deluge', create: createDeluge },
  aria2: { name: 'aria2', create: createAria2 },
};

/** Is it written like `transmission+http://user:password@host:9091`? */
export function isClientLink(text: string): boolean {
  const [, kind = '', rest = ''] = /^([a-z0-9]+)\+(https?:\/\/.*)$/.exec(text) ?? [];
  return Object.hasOwn(kinds, kind) && URL.parse(rest) !== null;
}

/** The program behind such a link, and how to let go of it. */
export function openClient(text: string): { client: TorrentClient; close(): Promise<void> } {
  const [, kind = '', rest = ''] = /^([a-z0-9]+)\+(https?:\/\/.*)$/.exec(text) ?? [];
  const found = kinds[kind];
  if (found === undefined)
    throw new FlotillaError('link_invalid', 'The setting torrent.client names no program that is known.');
  const link = new URL(rest);
  const { ask, close } = createAsk(found.name, link);
  return { client: found.create(ask, link), close };
}
