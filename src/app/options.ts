/** Options of a command: a flag first, then `FLOTILLA_…`, then a key of `flotilla.yaml`, then a default. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { parseBytes } from '#lib/format.ts';
import { type Environment, splitList } from './config.ts';
import { settingsOfFlags } from './source-settings.ts';

/** Lists are written as YAML lists or separated by commas. */
export function listOf(help: string) {
  return z
    .union([z.array(z.string()), z.string().transform(splitList)])
    .default([])
    .describe(help);
}

/** A flag without a value, `true` and `false` in YAML, `1` and `0` in the environment. */
export function onOff(help: string) {
  return z
    .union([z.boolean(), z.enum(['1', '0', 'true', 'false']).transform((word) => word === '1' || word === 'true')])
    .default(false)
    .describe(help);
}

/** Digits in flags and variables. */
export function wholeNumber(least: number, most: number) {
  const sentence = `It must be a whole number from ${least} to ${most}.`;
  const number = z.int(sentence).min(least, sentence).max(most, sentence);
  return z.preprocess((given) => (typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given), number);
}

/** Bytes, as a number or such as `2G`; null when it is not given. */
export function sizeOf(help: string) {
  return z
    .preprocess(
      (given) => (typeof given === 'string' ? (parseBytes(given) ?? given) : given),
      z.int('It must be a size, such as 2G.').min(0).nullable(),
    )
    .default(null)
    .describe(help);
}

/** An address of a server, of which only scheme, host and port count. */
export function originOf(help: string) {
  return z
    .url({ protocol: /^https?$/, error: 'It must be an address such as https://flotilla.example.' })
    .transform((text) => new URL(text).origin)
    .nullable()
    .default(null)
    .describe(help);
}

/** By kind and name, or as flags: `KIND.NAME=VALUE`. */
export function settingsOption(help: string) {
  return z
    .preprocess(
      (given) => (Array.isArray(given) ? settingsOfFlags(given) : given),
      z.record(z.string(), z.record(z.string(), z.unknown())),
    )
    .default({})
    .describe(help);
}

/** The whole path; what is no text is left for `checkOptions` to refuse. */
export function folderOf(given: unknown): unknown {
  return typeof given === 'string' ? resolve(given) : given;
}

/** What was given in flags, environment and file. The file may also have the keys of other commands. */
export function givenOptions(
  keys: string[],
  keysOfOthers: readonly string[],
  flags: Record<string, unknown>,
  env: Environment,
): Record<string, unknown> {
  const others = new Set(keysOfOthers);
  // A key with nothing behind it is not given, like an empty variable.
  const fromFile = Object.entries(readConfigFile(env)).filter(
    ([key, value]) => value !== null && (keys.includes(key) || !others.has(key)),
  );
  const given: Record<string, unknown> = Object.fromEntries(fromFile);
  for (const key of keys) {
    const value = flags[key] ?? env[`FLOTILLA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`];
    if (value !== undefined && value !== '') given[key] = value;
  }
  return given;
}

/** Throws `link_invalid` with a sentence that names the option. */
export function checkOptions<Shape extends z.ZodType>(shape: Shape, given: Record<string, unknown>): z.output<Shape> {
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where =
    issue?.code === 'unrecognized_keys'
      ? `unknown option ${issue.keys.join(', ')}`
      : `${issue?.path.join('.')}: ${issue?.message.replace(/\.$/, '')}`;
  throw new FlotillaError('link_invalid', `The configuration makes no sense: ${where}.`);
}

function readConfigFile(env: Environment): Record<string, unknown> {
  const named = env.FLOTILLA_CONFIG || undefined;
  const path = resolve(named ?? 'flotilla.yaml');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // One that is there counts: without its names and ranges the server would be another one than was meant.
    if (named === undefined && code === 'ENOENT') return {};
    throw new FlotillaError('link_invalid', `The configuration file ${path} cannot be read (${code}).`, { cause });
  }
  try {
    return z.record(z.string(), z.unknown()).parse(parse(text) ?? {});
  } catch (cause) {
    throw new FlotillaError('link_invalid', `The configuration file ${path} is not a YAML list of options.`, { cause });
  }
}
