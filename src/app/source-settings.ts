/** What a machine is told about its sources: `sources` in `flotilla.yaml`, `FLOTILLA_KIND_NAME`, or `--source KIND.NAME=VALUE`. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { sources } from '#sources/index.ts';
import { type Environment, homeFolder, stateFolder } from './config.ts';

export const sourceSettings = z
  .preprocess(
    (given) => (Array.isArray(given) ? fromFlags(given) : given),
    z.record(z.string(), z.record(z.string(), z.unknown())),
  )
  .default({})
  .describe('What sources are told, such as torrent.port=6881.');

export type SourceSettings = z.output<typeof sourceSettings>;

/** With what the environment says of them, and what is `usual` where nobody says anything. Throws `link_invalid` with a sentence that names the setting. */
export function settingsOfSources(given: SourceSettings, env: Environment, usual: SourceSettings): SourceSettings {
  const unknown = Object.keys(given).find((kind) => sources.every((source) => source.kind !== kind || !source.settings));
  if (unknown !== undefined) throw wrong(`No source of the kind ${unknown} has settings.`);
  const known = sources.flatMap(({ kind, settings }) => {
    if (!(settings instanceof z.ZodObject)) return [];
    const own = { ...usual[kind], ...fromEnvironment(kind, Object.keys(settings.shape), env), ...given[kind] };
    const checked = settings.safeParse(own);
    if (checked.success) return [[kind, own] as const];
    const [issue] = checked.error.issues;
    throw wrong(`The setting ${[kind, ...(issue?.path ?? [])].join('.')} makes no sense: ${issue?.message}.`);
  });
  return Object.fromEntries(known);
}

/** What sources are told where a person is at the terminal: who that is, and which servers are known. */
export function settingsOfPerson(env: Environment): SourceSettings {
  const sftp = {
    knownHosts: join(stateFolder(env), 'known_hosts'),
    otherKnownHosts: join(homeFolder(), '.ssh', 'known_hosts'),
    ...userOfSystem(),
    ...(env.SSH_AUTH_SOCK && { agent: env.SSH_AUTH_SOCK }),
  };
  return { sftp };
}

/** Nothing where the user is a mere number, as in some containers. */
function userOfSystem(): { user?: string } {
  try {
    return { user: userInfo().username };
  } catch {
    return {};
  }
}

/** What sources are told where nobody is: a worker knows only what it met itself. */
export function settingsOfMachine(dataFolder: string): SourceSettings {
  return { sftp: { knownHosts: join(dataFolder, 'known_hosts') } };
}

/** `NAME=VALUE` as it is typed: numbers, true and false, lists and objects as JSON, everything else as text. */
export function parseAssignment(text: string): [name: string, value: unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw wrong(`${JSON.stringify(text.slice(0, 40))} sets nothing. It looks like NAME=VALUE`);
  return [text.slice(0, at), parseValue(text.slice(at + 1))];
}

function parseValue(text: string): unknown {
  if (!/^(?:true|false|null|-?\d+(?:\.\d+)?|[[{"].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function fromFlags(texts: unknown[]): Record<string, Record<string, unknown>> {
  const found: Record<string, Record<string, unknown>> = Object.create(null);
  for (const text of texts) {
    const [name, value] = parseAssignment(String(text));
    const [kind = '', key] = name.split('.', 2);
    if (key === undefined) throw wrong(`${name} names no source. It looks like KIND.NAME=VALUE`);
    found[kind] = { ...found[kind], [key]: value };
  }
  return { ...found };
}

function fromEnvironment(kind: string, names: string[], env: Environment): Record<string, unknown> {
  const said = names.flatMap((name) => {
    const value = env[`FLOTILLA_${kind}_${name.replace(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase()];
    return value === undefined || value === '' ? [] : [[name, parseValue(value)] as const];
  });
  return Object.fromEntries(said);
}

function wrong(message: string): FlotillaError {
  return new FlotillaError('link_invalid', message);
}
