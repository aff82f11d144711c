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
  readonly #folders = new Map<string, string>([['', '']]);
  /** Names that were tried for a path that was taken. */
  readonly #tries = new Map<string, number>();

  /** `parts` is not empty. */
  add(parts: readonly string[]): string {
    let folder = '';
    for (const part of parts.slice(0, -1)) folder = this.#folder(folder, safeName(part, nameless));
    const path = this.#free(folder, safeName(parts.at(-1) as string, nameless), (kind) => kind === undefined);
    this.#taken.set(path.toLowerCase(), 'file');
    return path;
  }

  #folder(parent: string, name: string): string {
    const wished = joined(parent, name);
    const known = this.#folders.get(wished);
    if (known !== undefined) return known;
    const path = this.#free(parent, name, (kind) => kind !== 'file');
    this.#taken.set(path.toLowerCase(), 'folder');
    this.#folders.set(wished, path);
    return path;
  }

  #free(folder: string, name: string, isFree: (kind: 'file' | 'folder' | undefined) => boolean): string {
    const key = joined(folder, name).toLowerCase();
    for (let number = this.#tries.get(key) ?? 0; ; number++) {
      const path = joined(folder, numberedName(name, number));
      if (!isFree(this.#taken.get(path.toLowerCase()))) continue;
      this.#tries.set(key, number);
      return path;
    }
  }
}

function joined(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
