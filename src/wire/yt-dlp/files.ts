/** What may come out of a page: pictures, sound and words. Everything else is refused, whatever the page calls it. */
import { lstat } from 'node:fs/promises';
import { FlotillaError } from '#core/errors.ts';
import { insideRoot, safeName } from '#core/names.ts';

const videos = '3g2 3gp asf avi f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts vob webm wmv'.split(' ');
const sounds = 'aac ac3 aif aiff alac amr ape dts eac3 flac m4a m4b mka mp2 mp3 oga ogg opus wav weba wma'.split(' ');
const subtitles = 'ass dfxp json3 lrc sbv srt srv1 srv2 srv3 ssa ttml vtt'.split(' ');
const images = 'avif gif jpeg jpg png webp'.split(' ');
const extensions = new Set([...videos, ...sounds, ...subtitles, ...images]);

export function isMediaExtension(extension: string): boolean {
  return extensions.has(extension.toLowerCase());
}

/** Of a picture or sound: what a page is looked at for. */
export function isMainExtension(extension: string): boolean {
  const known = extension.toLowerCase();
  return videos.includes(known) || sounds.includes(known);
}

/** The extension of a path, without its dot and in small letters; empty when there is none. */
export function extensionOf(path: string): string {
  return /\.([a-z0-9]{1,10})$/i.exec(path)?.[1]?.toLowerCase() ?? '';
}

/** Size of a finished file. Throws `unsupported` for anything but a regular file with an extension that is allowed. */
export async function takeFile(folder: string, path: string): Promise<{ diskPath: string; sizeBytes: number }> {
  const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
  if (!isMediaExtension(extensionOf(name)) || name !== safeName(name)) throw unexpected(name);
  const diskPath = insideRoot(folder, name);
  const found = await lstat(diskPath).catch(() => null);
  if (found === null) throw new FlotillaError('truncated', 'yt-dlp says that a file is finished which is not there.');
  if (!found.isFile()) throw unexpected(name);
  return { diskPath, sizeBytes: found.size };
}

function unexpected(name: string): FlotillaError {
  const shown = JSON.stringify(safeName(name));
  return new FlotillaError(
    'unsupported',
    `The page led to ${shown}, which is no video, sound, subtitle or picture. It was not taken.`,
  );
}
