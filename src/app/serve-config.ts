/** Options of `serve`: a flag first, then `FLOTILLA_…`, then a key of `flotilla.yaml`, then a default. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { parseBytes } from '#lib/format.ts';
import { defaultDataFolder, type Environment, splitList } from './config.ts';
import { isDatabaseLink } from './open-store.ts';

const serveOptions = z.strictObject({
  data: z.string().describe('Folder of the database, and of unfinished files unless they have their own.'),
  database: z
    .string()
    .refine(isDatabaseLink, 'It must be a link such as postgres://name:password@host/database.')
    .nullable()
    .default(null)
    .describe('PostgreSQL database to use instead of the embedded one.'),
  scratch: z.string().describe('Folder of unfinished files; it belongs to this server alone.'),
  preallocate: onOff('Take the whole room of a file on the disk before its first byte.'),
  keepFree: z
    .preprocess(
      (given) => (typeof given === 'string' ? (parseBytes(given) ?? given) : given),
      z.int('It must be a size, such as 2G.').min(0).nullable(),
    )
    .default(null)
    .describe('Room that is left on the disk of unfinished files; 64M, but at most 1 %, when not given.'),
  host: z.string().default('127.0.0.1').describe('Address to listen on.'),
  port: z.coerce.number().int().min(0).max(65535).default(3568).describe('Port of page and API; 0 takes a free one.'),
  downloads: z.string().describe('Where finished files go; only read at the first start.'),
  allowedHosts: listOf('Further names under which people reach this server.'),
  trustedProxies: listOf('Addresses of proxies whose X-Forwarded headers count.'),
  netAllow: listOf('Refused ranges of addresses that downloads may connect to all the same.'),
  bootstrapToken: z.string().min(16).nullable().default(null).describe('Accepted as the API token of an admin.'),
});

export type ServeOptions = z.output<typeof serveOptions>;

/** Lists are written as YAML lists or separated by commas. */
function listOf(help: string) {
  return z
    .union([z.array(z.string()), z.string().transform(splitList)])
    .default([])
    .describe(help);
}

/** A flag without a value, `true` and `false` in YAML, `1` and `0` in the environment. */
function onOff(help: string) {
  return z
    .union([z.boolean(), z.enum(['1', '0', 'true', 'false']).transform((word) => word === '1' || word === 'true')])
    .default(false)
    .describe(help);
}

/** Brings flags, environment, file and defaults together. Throws `link_invalid` with a sentence that names the option. */
export function serveConfig(flags: Record<string, unknown>, env: Environment): ServeOptions {
  const file = readConfigFile(env);
  const given: Record<string, unknown> = { ...file };
  for (const key of Object.keys(serveOptions.shape)) {
    const value = flags[key] ?? env[`FLOTILLA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`];
    if (value !== undefined && value !== '') given[key] = value;
  }
  given.data = resolve(String(given.data ?? defaultDataFolder(env)));
  given.downloads = resolve(String(given.downloads ?? join(given.data as string, 'downloads')));
  given.scratch = resolve(String(given.scratch ?? join(given.data as string, 'scratch')));
  const parsed = serveOptions.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where =
    issue?.code === 'unrecognized_keys'
      ? `unknown option ${issue.keys.join(', ')}`
      : `${issue?.path.join('.')}: ${issue?.message}`;
  throw new FlotillaError('link_invalid', `The configuration makes no sense: ${where}.`);
}

function readConfigFile(env: Environment): Record<string, unknown> {
  const path = resolve(env.FLOTILLA_CONFIG ?? 'flotilla.yaml');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (env.FLOTILLA_CONFIG === undefined) return {};
    throw new FlotillaError('link_invalid', `The configuration file ${path} cannot be read.`, { cause });
  }
  try {
    return z.record(z.string(), z.unknown()).parse(parse(text) ?? {});
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The configuration file ${path} is not a YAML list of options.`, { cause });
  }
}
