import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { sealsWith } from '#control/sealing-key.ts';
import { formatBytes } from '#lib/format.ts';
import { createSealer } from '#wire/sealer.ts';
import type { ServeOptions } from '../serve-config.ts';
import type { FoundInDatabase } from './database.ts';
import { type Finding, finding } from './finding.ts';

const GiB = 1024 ** 3;
const keyBytes = 32;

export function checkFiles({ data, scratch, downloads }: Pick<ServeOptions, 'data' | 'scratch' | 'downloads'>): Finding[] {
  return [
    ...checkFolder('Data folder', data, { isPrivate: true }),
    ...(scratch === data ? [] : checkFolder('Unfinished files', scratch, { isPrivate: false })),
    ...(downloads === data ? [] : checkFolder('Downloads', downloads, { isPrivate: false })),
  ];
}

/** A folder that is not there yet is made at the first start, where its neighbours are. */
export function checkFolder(check: string, folder: string, { isPrivate }: { isPrivate: boolean }): Finding[] {
  const { ok, warn, bad } = finding(check);
  if (!existsSync(folder)) {
    const near = nearest(folder);
    if (!mayWrite(near))
      return [
        bad(
          `${folder} is not there, and ${near} cannot be written to, so it cannot be made. Make it by hand, for the user that runs Flotilla.`,
        ),
      ];
    return [ok(`${folder} is not there yet; the first start makes it.`), checkSpace(check, near)];
  }
  const about = statSync(folder);
  if (!about.isDirectory()) return [bad(`${folder} is a file. Name a folder.`)];
  if (!mayWrite(folder))
    return [bad(`${folder} cannot be written to by the user that runs this. Give it to that user, or choose another folder.`)];
  const isOpen = isPrivate && process.platform !== 'win32' && (about.mode & 0o077) !== 0;
  const seen = isOpen
    ? warn(
        `Others on this machine may look into ${folder}. The database and the key in it are closed all the same; "chmod 700" closes the folder, too.`,
      )
    : ok(`${folder} can be written to.`);
  return [seen, checkSpace(check, folder)];
}

function checkSpace(check: string, folder: string): Finding {
  const { ok, warn, bad } = finding(`${check}, room`);
  const { bavail, blocks, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const free = `${formatBytes(freeBytes)} of ${formatBytes(blocks * bsize)} are free`;
  if (freeBytes < GiB / 16) return bad(`${free}. Downloads wait until there is room: free some.`);
  if (freeBytes < GiB) return warn(`${free}, which is little.`);
  return ok(`${free}.`);
}

function nearest(path: string): string {
  const above = dirname(path);
  return existsSync(above) || above === path ? above : nearest(above);
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The key that secrets are sealed with, beside what the database says of it. */
export function checkKey(path: string, { sealed, isThere }: Pick<FoundInDatabase, 'sealed' | 'isThere'>): Finding[] {
  const { ok, warn, bad } = finding('Key');
  if (!existsSync(path)) {
    if (sealed === null) return [ok(`${path} is not there yet; the first start makes it.`)];
    const lost = 'Restore it from a backup; without it the logins and cookies of unfinished downloads have to be given again.';
    return [bad(`${path} is gone, and the database was written with it. ${lost}`)];
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [bad(`${path} cannot be read by the user that runs this. Give it to that user.`)];
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== keyBytes) return [bad(`${path} does not hold a key. Restore it from a backup.`)];
  if (sealed !== null && !sealsWith(createSealer(key), sealed)) {
    return [bad(`${path} is not the key that the database was written with. Restore the one that belongs to it.`)];
  }
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    return [warn(`Others on this machine may read ${path}. Close it with "chmod 600 ${path}".`)];
  }
  return [ok(isThere && sealed !== null ? `${path} fits the database.` : `${path} holds a key.`)];
}
