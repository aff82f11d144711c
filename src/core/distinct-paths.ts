/** Paths of many files that somebody else named, made safe and told apart. */
import { numberedName, safeName } from './names.ts';

/** What stands for a part of a path of which nothing safe is left. */
const nameless = '_';

/**
 * Gives each path, in parts, a safe relative path that no other file or folder has, whatever the case of its letters. Asked in the
 * order of the files; the first keeps its name.
 */
export class DistinctPaths {
  readonly #taken = new Map<string, 'file' | 'folder'>();
  /** Where a folder is, by the path that was wished for it. */
  readonly #folders = new Map<string, string>();
  /** The last number that was tried for a path that was taken. */
  readonly #tries = new Map<string, number>();
  /** Names of folders, made safe: that takes long for long ones, and each is asked for with every file below it. */
  readonly #safe = new Map<string, string>();
  #mostSame = 0;

  /** As many names were once the same, besides those with characters that nobody could read. */
  get mostSame(): number {
    return this.#mostSame;
  }

  /** `parts` is not empty. */
  add(parts: readonly string[]): string {
    let folder = '';
    for (let at = 0; at < parts.length - 1; at++) folder = this.#folder(folder, this.#safeFolder(parts[at] as string));
    return this.#take(folder, safeName(parts.at(-1) as string, nameless), 'file');
  }

  #safeFolder(name: string): string {
    const safe = this.#safe.get(name) ?? safeName(name, nameless);
    this.#safe.set(name, safe);
    return safe;
  }

  #folder(parent: string, name: string): string {
    const wished = joined(parent, name);
    const known = this.#folders.get(wished);
    if (known !== undefined) return known;
    const path = this.#take(parent, name, 'folder');
    this.#folders.set(wished, path);
    return path;
  }

  #take(folder: string, name: string, kind: 'file' | 'folder'): string {
    const wished = joined(folder, name);
    const key = wished.toLowerCase();
    if (this.#isFree(key, kind)) {
      this.#taken.set(key, kind);
      return wished;
    }
    for (let number = (this.#tries.get(key) ?? 0) + 1; ; number++) {
      const path = joined(folder, numberedName(name, number));
      if (!this.#isFree(path.toLowerCase(), kind)) continue;
      this.#taken.set(path.toLowerCase(), kind);
      this.#tries.set(key, number);
      if (!name.includes('\ufffd')) this.#mostSame = Math.max(this.#mostSame, number + 1);
      return path;
    }
  }

  /** Folders whose names differ in case alone may be one on some disks, which does no harm. */
  #isFree(key: string, kind: 'file' | 'folder'): boolean {
    const taken = this.#taken.get(key);
    return taken === undefined || (kind === 'folder' && taken === 'folder');
  }
}

function joined(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
