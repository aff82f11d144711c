/** Options of `serve` and `server`. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { isNatsLink } from '#wire/nats-bus.ts';
import { defaultDataFolder, type Environment } from './config.ts';
import { logOptions } from './log.ts';
import { isDatabaseLink } from './open-store.ts';
import {
  checkOptions,
  folderOf,
  givenOptions,
  listOf,
  onOff,
  originOf,
  settingsOption,
  sizeOf,
  wholeNumber,
} from './options.ts';

export const serveOptions = z.strictObject({
  data: z.string().describe('Folder of the database, and of unfinished files unless they have their own.'),
  database: z
    .string()
    .refine(isDatabaseLink, 'It must be a link such as postgres://name:password@host/database.')
    .nullable()
    .default(null)
    .describe('PostgreSQL database to use instead of the embedded one.'),
  bus: z
    .string()
    .refine(isNatsLink, 'It must be a link such as nats://host:4222, nats://token@host or tls://host')
    .nullable()
    .default(null)
    .describe('NATS by which replicas tell each other what is new; the PostgreSQL database when not given.'),
  scratch: z.string().describe('Folder of unfinished files; it belongs to this server alone.'),
  preallocate: onOff('Take the whole room of a file on the disk before its first byte.'),
  keepFree: sizeOf('Room that is left on the disk of unfinished files; 64M, but at most 1 %, when not given.'),
  host: z
    .string()
    .transform((host) => host.replace(/^\[(.*)\]$/, '$1'))
    .default('127.0.0.1')
    .describe('Address to listen on.'),
  port: wholeNumber(0, 65535).default(3568).describe('Port of page and API; 0 takes a free one.'),
  downloads: z.string().describe('Where finished files go; only read at the first start.'),
  publicUrl: originOf('Where people and workers reach this server; as they reached it when not given.'),
  secretKeyFile: z.string().describe('The key that secrets in the database are sealed with; all replicas have the same.'),
  allowedHosts: listOf('Further names under which people reach this server.'),
  trustedProxies: listOf('Addresses of proxies whose X-Forwarded headers count.').refine(
    (ranges) => ranges.every(isProxyRange),
    'Proxies are addresses such as 192.168.1.2 or ranges such as 10.0.0.0/8, and never everybody.',
  ),
  netAllow: listOf('Refused ranges of addresses that downloads may connect to all the same.'),
  source: settingsOption('What sources are told, such as torrent.port=6881.'),
  metricsPublic: onOff('Show /metrics to everybody, not only to admins with a token.'),
  ...logOptions,
  bootstrapToken: z.string().min(16).nullable().default(null).describe('Accepted as the API token of an admin.'),
});

export type ServeOptions = z.output<typeof serveOptions>;

/** What `worker` knows besides; one file may be for both. */
export const onlyOfWorkers = ['join', 'key', 'name', 'labels', 'jobs'] as const;

/** Brings flags, environment, file and defaults together. Throws `link_invalid` with a sentence that names the option. */
export function serveConfig(flags: Record<string, unknown>, env: Environment): ServeOptions {
  const given = givenOptions(Object.keys(serveOptions.shape), onlyOfWorkers, flags, env);
  given.data = folderOf(given.data ?? defaultDataFolder(env));
  for (const [key, name] of [
    ['downloads', 'downloads'],
    ['scratch', 'scratch'],
    ['secretKeyFile', 'secret.key'],
  ] as const) {
    given[key] = folderOf(given[key] ?? join(String(given.data), name));
  }
  return checkOptions(serveOptions, given);
}

/** A prefix of no bits would believe whoever calls. */
function isProxyRange(text: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  const bits = prefix === undefined ? 1 : Number(prefix);
  return family !== 0 && bits > 0 && bits <= (family === 4 ? 32 : 128);
}
