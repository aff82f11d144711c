/** What may be chosen for one torrent, and what a machine is told once. */
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { selectionPattern } from '#core/selection.ts';
import { isClientLink } from './clients/link.ts';

const fileNumbers = z.union([z.literal(''), z.string().regex(selectionPattern)]);

export const parameters = z.strictObject({
  sequential: z.boolean().default(false).describe('Pieces come in order, so that it can be played meanwhile.'),
  edgesFirst: z.boolean().default(false).describe('The first and the last piece of each file come first.'),
  high: fileNumbers.default('').describe('Numbers of files that come first, such as 0,2-5.'),
  low: fileNumbers.default('').describe('Numbers of files that come last.'),
  trackers: z.array(z.string()).max(100).default([]).describe('Trackers to ask besides those of the torrent.'),
  onlyTheseTrackers: z.boolean().default(false).describe('Ask no other trackers than those given here.'),
  peers: z.array(z.string()).max(100).default([]).describe('Peers to ask, as host:port.'),
  seedRatio: z.number().min(0).max(1).default(0).describe('Give others so much of the size in return, at most 1; 0: nothing.'),
  seedMinutes: z.number().min(0).max(10_080).default(60).describe('Give for no longer than this.'),
});

export type TorrentParameters = z.output<typeof parameters>;

export const settings = z.strictObject({
  port: z.int().min(0).max(65_535).default(0).describe('Where peers may connect to; 0: any port that is free.'),
  dht: z.boolean().default(true).describe('Ask the distributed table of peers, unless a torrent is private.'),
  pex: z.boolean().default(true).describe('Exchange peers with peers, unless a torrent is private.'),
  encryption: z
    .enum(['off', 'allow', 'prefer', 'require'])
    .default('allow')
    .describe('Encrypted connections to peers; allow: with those that refuse plain ones; prefer: with all that take them.'),
  mostPeers: z.int().min(1).max(500).default(60).describe('Connections to peers of one torrent.'),
  uploadBytesPerSecond: z.int().min(1).nullable().default(null).describe('What all torrents together give others.'),
  magnetSeconds: z.number().min(0).default(10).describe('A magnet that is looked at is asked about for so long.'),
  client: z
    .string()
    .refine(
      isClientLink,
      'it looks like transmission+http://user:password@host:9091, or qbittorrent+, deluge+, aria2+, rtorrent+',
    )
    .nullable()
    .default(null)
    .describe('A torrent program to use; its folder of unfinished files is ours.'),
  clientFor: z.enum(['all', 'needed']).default('all').describe('needed: only for what the built-in engine cannot fetch.'),
  clientPaths: z
    .array(z.string().regex(/^\/[^=]*=\/[^=]*$/))
    .default([])
    .describe('Folders that it sees under other names, as /ours=/theirs.'),
  patienceSeconds: z
    .number()
    .min(1)
    .default(600)
    .describe('A torrent of which nobody sends anything for so long is tried later.'),
});

export type TorrentSettings = z.output<typeof settings>;

/** Throws `link_invalid` with a sentence that names the one that makes no sense. */
export function readParameters(given: Record<string, unknown> | undefined): TorrentParameters {
  const read = parameters.safeParse(given ?? {});
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new FlotillaError('link_invalid', `The parameter ${issue?.path.join('.')} makes no sense: ${issue?.message}.`);
}

export function readSettings(given: unknown): TorrentSettings {
  return settings.parse(given ?? {});
}
