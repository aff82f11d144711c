import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Puts files into a folder that a server shows, each in one step: who has the old one open goes on reading the old one. Each is
 * an hour younger than the one before, so that servers that tell whole seconds, or minutes, tell versions apart.
 */
export function putFilesIn(folder: string): (path: string, bytes: Uint8Array) => void {
  let atMs = Date.UTC(2020, 0, 1);
  return (path, bytes) => {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    const temporary = join(dirname(target), '.being-put');
    writeFileSync(temporary, bytes);
    atMs += 3_600_000;
    utimesSync(temporary, new Date(atMs), new Date(atMs));
    renameSync(temporary, target);
  };
}
