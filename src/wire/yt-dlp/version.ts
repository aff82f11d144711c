/** Versions of yt-dlp are dates: sites change, and it with them. */
import { text } from 'node:stream/consumers';
import { startChild } from '../child.ts';
import { privateFolder } from '../private-folder.ts';

/** The first that refuses unsafe extensions by itself and knows all that we say to it. */
export const oldestVersion = '2024.07.01';
const oldAfterDays = 365;
const patienceMs = 20_000;
const dayMs = 24 * 60 * 60_000;

/** A sentence when it is so old that pages may fail for that; null: it is not, or does not say. */
export function warnOfAge(version: string | null, nowMs: number): string | null {
  const madeAtMs = version === null ? null : dateOf(version);
  if (madeAtMs === null || nowMs - madeAtMs < oldAfterDays * dayMs) return null;
  return `yt-dlp ${version} is more than a year old, and sites change faster than that. Bring it up to date when pages fail.`;
}

export function isTooOld(version: string): boolean {
  const [made, oldest] = [dateOf(version), dateOf(oldestVersion) as number];
  return made !== null && made < oldest;
}

export function tooOld(version: string | null): string {
  return `yt-dlp${version === null ? '' : ` ${version}`} is too old: it must be of ${oldestVersion} or later. Bring it up to date, or name another one in the settings of the source media.`;
}

function dateOf(version: string): number | null {
  const [, year, month, day] = /^(\d{4})\.(\d{1,2})\.(\d{1,2})/.exec(version) ?? [];
  return year === undefined ? null : Date.UTC(Number(year), Number(month) - 1, Number(day));
}

/** What a program says of its own version: `-version` for ffmpeg, `--version` for yt-dlp. null: it is not there, or says nothing. */
export async function askVersion(
  command: string,
  argument: '-version' | '--version',
  searchPath: string,
): Promise<string | null> {
  const folder = await privateFolder();
  try {
    const child = await startChild({ command, args: [argument], folder: folder.path, searchPath });
    // Some other program of that name may wait for somebody.
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    void child.done.then(() => clearTimeout(timer));
    const [said] = await Promise.all([text(child.stdout), text(child.stderr), child.done]);
    return /^(?:ffmpeg version )?([\w.:+~-]+)/.exec(said)?.[1] ?? null;
  } catch {
    return null;
  } finally {
    await folder.remove();
  }
}
