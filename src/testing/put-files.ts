import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ServedFiles } from './conform-source.ts';

/**
 * Puts files into a folder that a server shows, each in one step: who has the old one open goes on reading the old one. Each is
 * an hour younger than the one before, so that servers that tell whole seconds, or minutes, tell versions apart.
 */
export function putFilesIn(folder: string): Pick<ServedFiles, 'put' | 'putAll'> {
  let atMs = Date.UTC(2020, 0, 1);
  return {
    put(path, bytes) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      const temporary = join(dirname(target), '.being-put');
      writeFileSync(temporary, bytes);
      atMs += 3_600_000;
      utimesSync(temporary, new Date(atMs), new Date(atMs));
      renameSync(temporary, target);
    },
    async putAll(files) {
      for (const name of new Set(files.map(([path]) => dirname(path)))) mkdirSync(join(folder, name), { recursive: true });
      for (const [index, [path, bytes]] of files.entries()) {
        writeFileSync(join(folder, path), bytes);
        // Other tests go on meanwhile.
        if (index % 100 === 0) await setImmediate();
      }
    },
  };
}
