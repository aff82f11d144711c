/** What a machine is told about its sources: `sources` in `flotilla.yaml`, `FLOTILLA_KIND_NAME`, or `--source KIND.NAME=VALUE`. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { FlotillaError } from '#core/errors.ts';
import { sources } from '#sources/index.ts';
import { type Environment, homeFolder, stateFolder } from './config.ts';

/** What they are told, by their kinds. */
export type SourceSettings = Record<string, Record<string, unknown>>;

/**
 * With what the environment says of them, and what is `usual` where nobody says anything. Throws `link_invalid` with a sentence
 * that names the setting. Only what somebody said is checked, for that loads the source.
 */
export async function settingsOfSources(
  given: SourceSettings,
  env: Environment,
  usual: SourceSettings,
): Promise<SourceSettings> {
  const settings = { ...usual };
  const unknown = new Set(Object.keys(given));
  for (const { kind, options } of sources) {
    const isTold = given[kind] !== undefined || Object.keys(env).some((name) => name.startsWith(variableOf(kind, '')));
    const schema = isTold ? (await options?.())?.settings : undefined;
    if (schema === undefined) continue;
    unknown.delete(kind);
    const own = { ...usual[kind], ...fromEnvironment(kind, Object.keys(schema.shape), env), ...given[kind] };
    const checked = schema.safeParse(own);
    const [issue] = checked.error?.issues ?? [];
    if (issue !== undefined) throw wrong(`The setting ${[kind, ...issue.path].join('.')} makes no sense: ${issue.message}.`);
    settings[kind] = own;
  }
  for (const kind of unknown) throw wrong(`No source of the kind ${kind} has settings.`);
  return settings;
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

/** Of `KIND.NAME=VALUE`. */
export function settingsOfFlags(texts: unknown[]): SourceSettings {
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
    const value = env[variableOf(kind, name)];
    return value === undefined || value === '' ? [] : [[name, parseValue(value)] as const];
  });
  return Object.fromEntries(said);
}

function variableOf(kind: string, name: string): string {
  return `FLOTILLA_${kind}_${name.replace(/[A-Z]/g, (letter) => `_${letter}`)}`.toUpperCase();
}

function wrong(message: string): FlotillaError {
  return new FlotillaError('link_invalid', message);
}
