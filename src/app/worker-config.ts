/** Options of `worker`. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { defaultDataFolder, type Environment } from './config.ts';
import { logOptions } from './log.ts';
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
import { type onlyOfWorkers, serveOptions } from './serve-config.ts';

const workerOptions = z.strictObject({
  join: originOf('Address of the server.'),
  key: z.string().max(100).nullable().default(null).describe('One-time key from "Add worker"; only the first start needs it.'),
  name: z.string().min(1).max(100).describe('What it is called when it joins.'),
  labels: listOf('What it is good for, for downloads that ask for it; when it joins.').refine(
    (labels) => labels.every((label) => /^[^\s,]{1,50}$/.test(label)),
    'A label has no spaces and at most 50 letters.',
  ),
  jobs: wholeNumber(1, 1000).default(16).describe('Most downloads at once.'),
  data: z.string().describe('Folder of its key, and of unfinished files unless they have their own.'),
  scratch: z.string().describe('Folder of unfinished files; it belongs to this worker alone.'),
  preallocate: onOff('Take the whole room of a file on the disk before its first byte.'),
  keepFree: sizeOf('Room that is left on the disk of unfinished files; 64M, but at most 1 %, when not given.'),
  netAllow: listOf('Refused ranges of addresses that downloads may connect to all the same.'),
  source: settingsOption('What sources are told, such as torrent.port=6881.'),
  ...logOptions,
} satisfies Record<(typeof onlyOfWorkers)[number], z.ZodType> & Record<string, z.ZodType>);

export type WorkerOptions = z.output<typeof workerOptions>;

/** Brings flags, environment, file and defaults together. Throws `link_invalid` with a sentence that names the option. */
export function workerConfig(flags: Record<string, unknown>, env: Environment): WorkerOptions {
  const given = givenOptions(Object.keys(workerOptions.shape), Object.keys(serveOptions.shape), flags, env);
  // Beside the folder of a server on the same machine, never in it.
  given.data = folderOf(given.data ?? `${defaultDataFolder(env)}-worker`);
  given.scratch = folderOf(given.scratch ?? join(String(given.data), 'scratch'));
  given.name ??= hostname();
  return checkOptions(workerOptions, given);
}
