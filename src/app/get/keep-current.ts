/** `get --if-changed`: a file that is there already is only fetched again when the server has another version, and then replaced. */
import { createHash } from 'node:crypto';
import { chmod, rename, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nameFromLink, safeName } from '#core/names.ts';
import { strongEtag, type Validator } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import { explain, systemFiles as files, flushFolder } from '#wire/system.ts';

/** What is remembered of a file that we put there, so that the server can be asked about that very version. */
type Memory = { format: 1; name: string; sizeBytes: number; modifiedAtMs: number; validator: Validator };

export type CurrentWish = {
  link: URL;
  /** The link as people may see it. */
  shownLink: string;
  folder: string;
  /** Given by the user; null: the server suggests one. */
  name: string | null;
  /** What a document promises; a file of another size is not current. */
  sizeBytes: number | null;
  /** Where what is remembered lies, apart from the files themselves. */
  stateFolder: string;
};

/** Asks the server about a version; `unknown` when it does not say. */
export type AskServer = (known: Validator | null) => Promise<SourceFacts | 'unchanged' | 'unknown'>;

/** The file is as the server has it, and so since then; or it is to be fetched, in place of `replaces` when that is there. */
export type Currency = { path: string; name: string; sinceMs: number } | { replaces: string | null };

export async function checkCurrency(wish: CurrentWish, ask: AskServer): Promise<Currency> {
  const memory = await recall(wish);
  const known = memory === null ? null : await statFile(join(wish.folder, memory.name));
  // Only of an untouched file do we know which version it is.
  const isOurs = memory !== null && known !== null && isSame(known, memory) && fits(known.sizeBytes, wish);
  const facts = await ask(isOurs ? memory.validator : null);
  if (facts === 'unknown') return { replaces: null };
  if (facts === 'unchanged') return isOurs ? currentAt(known, memory.name) : { replaces: null };
  const name = safeName(wish.name ?? facts.suggestedName ?? '', nameFromLink(wish.link));
  const found = await statFile(join(wish.folder, name));
  if (found === null) return { replaces: null };
  const isKnown = isOurs && memory.name === name;
  const isCurrent = isKnown ? isSameVersion(memory, facts) : isNoOlder(found, facts);
  if (!isCurrent || !fits(found.sizeBytes, wish)) return { replaces: found.path };
  await remember(wish, { name, sizeBytes: found.sizeBytes, modifiedAtMs: found.modifiedAtMs, validator: facts.validator });
  return currentAt(found, name);
}

function currentAt({ path, modifiedAtMs }: FoundFile, name: string): Currency {
  return { path, name, sinceMs: modifiedAtMs };
}

/**
 * Gives the new version the place of the old one, in one step, and the time that the server says; remembers what it is. A
 * version that came under another `name` than was expected stays where it is. Returns where it is now.
 */
export async function settleCurrent(
  wish: CurrentWish,
  path: string,
  replaces: string | null,
  name: string,
  facts: SourceFacts,
): Promise<string> {
  const modifiedAtMs = Date.parse(facts.validator.lastModified ?? '');
  try {
    if (!Number.isNaN(modifiedAtMs)) await utimes(path, new Date(), new Date(modifiedAtMs));
    const finalPath = replaces !== null && basename(replaces) === name ? replaces : path;
    if (finalPath !== path) {
      await chmod(path, (await stat(finalPath)).mode);
      await rename(path, finalPath);
      await flushFolder(dirname(finalPath));
    }
    const settled = await statFile(finalPath);
    if (settled === null) return finalPath;
    const { sizeBytes, modifiedAtMs: keptAtMs } = settled;
    await remember(wish, { name: basename(finalPath), sizeBytes, modifiedAtMs: keptAtMs, validator: facts.validator });
    return finalPath;
  } catch (error) {
    throw explain(error, path);
  }
}

/** The same answer as before: by strong ETags when both have one, else by time and size, as far as the server tells them. */
function isSameVersion(memory: Memory, { validator, sizeBytes }: SourceFacts): boolean {
  const [before, now] = [strongEtag(memory.validator), strongEtag(validator)];
  if (before !== null && now !== null) return before === now;
  const isSameTime = validator.lastModified !== null && validator.lastModified === memory.validator.lastModified;
  return isSameTime && sizeBytes === memory.sizeBytes;
}

/** A file that we know nothing of is current when it has the server's size and is not older than what the server has. */
function isNoOlder(found: FoundFile, { validator, sizeBytes }: SourceFacts): boolean {
  return sizeBytes === found.sizeBytes && Date.parse(validator.lastModified ?? '') <= found.modifiedAtMs;
}

function fits(foundBytes: number, { sizeBytes }: CurrentWish): boolean {
  return sizeBytes === null || sizeBytes === foundBytes;
}

type FoundFile = { path: string; sizeBytes: number; modifiedAtMs: number };

/** null: there is no file of that name. */
async function statFile(path: string): Promise<FoundFile | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? { path, sizeBytes: found.size, modifiedAtMs: Math.floor(found.mtimeMs) } : null;
}

function isSame(found: FoundFile, memory: Memory): boolean {
  return found.sizeBytes === memory.sizeBytes && found.modifiedAtMs === memory.modifiedAtMs;
}

async function recall(wish: CurrentWish): Promise<Memory | null> {
  try {
    const memory = JSON.parse((await files.readText(memoryPath(wish))) ?? 'null') as Memory | null;
    return memory?.format === 1 && safeName(memory.name) === memory.name ? memory : null;
  } catch {
    return null;
  }
}

/** Without a memory the file's own size and time are still there to go by, so a folder that is read-only is no failure. */
async function remember(wish: CurrentWish, memory: Omit<Memory, 'format'>): Promise<void> {
  try {
    await files.makeFolder(wish.stateFolder);
    await files.writeText(memoryPath(wish), JSON.stringify({ format: 1, ...memory }));
  } catch {
    // Said above.
  }
}

/** Named by a digest, for a link may hold more than other programs of the user should read. */
function memoryPath({ folder, name, shownLink, stateFolder }: CurrentWish): string {
  const key = createHash('sha256').update(JSON.stringify([folder, name, shownLink]));
  return join(stateFolder, `${key.digest('hex')}.json`);
}
