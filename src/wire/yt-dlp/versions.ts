/** Which version of each entry the files on disk are of: yt-dlp goes on with what it finds, and asks nobody. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asObject, parseJson } from './info.ts';

/** The page leads to something else than what was begun. */
export class VersionChanged extends Error {
  readonly entry: number;

  constructor(entry: number) {
    super('the page leads to something else than before');
    this.entry = entry;
  }
}

export class Versions {
  readonly #folder: string;
  readonly #path: string;
  readonly #known: Map<number, string>;

  /** `folder` holds the files, `N.…` of entry N; `path` is where the versions are remembered. */
  constructor(folder: string, path: string) {
    this.#folder = folder;
    this.#path = path;
    this.#known = new Map(remembered(path));
    // Begun and killed before it was written down: nobody knows what these bytes are of.
    for (const entry of new Set(this.#files().map(({ entry }) => entry))) if (!this.#known.has(entry)) this.forget(entry);
  }

  /** Before the first byte of an entry. Throws `VersionChanged` when its files on disk are of another version. */
  check(entry: number, signature: string): void {
    const known = this.#known.get(entry);
    if (known === signature) return;
    if (known !== undefined) throw new VersionChanged(entry);
    this.#known.set(entry, signature);
    this.#write();
  }

  /** Its files are removed; it starts over. */
  forget(entry: number): void {
    for (const file of this.#files())
      if (file.entry === entry) rmSync(join(this.#folder, file.name), { recursive: true, force: true });
    if (this.#known.delete(entry)) this.#write();
  }

  #write(): void {
    writeFileSync(this.#path, JSON.stringify(Object.fromEntries(this.#known)));
  }

  /** Besides subtitles and thumbnails, which come before the entry begins and are small. */
  #files(): { name: string; entry: number }[] {
    return names(this.#folder).flatMap((name) => {
      const [, entry] = /^(\d{1,7})\./.exec(name) ?? [];
      return entry === undefined ? [] : [{ name, entry: Number(entry) }];
    });
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A note that was cut short is no note. */
function remembered(path: string): [number, string][] {
  try {
    const note = asObject(parseJson(readFileSync(path, 'utf8'))) ?? {};
    return Object.entries(note).flatMap(([entry, signature]) =>
      /^\d{1,7}$/.test(entry) && typeof signature === 'string' ? [[Number(entry), signature]] : [],
    );
  } catch {
    return [];
  }
}
