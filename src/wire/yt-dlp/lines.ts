/** What yt-dlp prints while it works: one line of JSON at a time, behind a mark of ours. Anything else is left. */
import { asObject, objects, parseJson, size, textOf } from './info.ts';
import type { Option } from './options.ts';

export type Line =
  | {
      is: 'begin';
      /** From 1; the one video of a page is 1. */
      entry: number;
      /** How many the page has; null: it does not say. */
      entryCount: number | null;
      title: string | null;
      isLive: boolean;
      /** Tells one version of what is behind the page from another. */
      signature: string;
      /** Of the parts that are fetched one after the other; null: not known. */
      partSizesBytes: (number | null)[];
    }
  | {
      is: 'progress';
      /** Name of the file that grows. */
      file: string;
      doneBytes: number;
      totalBytes: number | null;
    }
  | {
      is: 'done';
      entry: number;
      /** Of the file, as yt-dlp says. */
      path: string;
      subtitles: { language: string; path: string }[];
      thumbnails: string[];
    };

const fields = 'id,title,playlist_index,n_entries,format_id,timestamp,filesize,filesize_approx,is_live,live_status,duration';

/** Options that make it print them. */
export const lineOptions: readonly Option[] = [
  ['newline'],
  ['progress'],
  ['progress-delta', '0.5'],
  ['progress-template', 'download:@progress %(progress)j'],
  // Nothing of what ffmpeg does is measured.
  ['progress-template', 'postprocess:@work'],
  ['print', `before_dl:@begin {"video":%(.{${fields}})j,"parts":%(requested_formats.:.{format_id,filesize,filesize_approx})j}`],
  [
    'print',
    'after_move:@done {"video":%(.{playlist_index,filepath,requested_subtitles})j,"thumbnails":%(thumbnails.:.filepath)j}',
  ],
];

/** null: nothing for us. */
export function parseLine(line: string): Line | null {
  const [, mark, text = ''] = /^@(begin|progress|done) (\{.*\})$/s.exec(line) ?? [];
  if (mark === undefined) return null;
  // yt-dlp writes NA where it knows nothing.
  const said = asObject(parseJson(text) ?? parseJson(text.replace(/:NA(?=[,}])/g, ':null')));
  if (said === null) return null;
  if (mark === 'progress') return progressOf(said);
  const video = asObject(said.video);
  const entry = video === null ? null : entryOf(video.playlist_index);
  if (video === null || entry === null) return null;
  if (mark === 'begin') return beginOf(said, video, entry);
  const path = pathOf(video.filepath);
  if (path === null) return null;
  const subtitles = Object.entries(asObject(video.requested_subtitles) ?? {}).flatMap(([language, found]) => {
    const subtitlePath = pathOf(asObject(found)?.filepath);
    return subtitlePath === null ? [] : [{ language, path: subtitlePath }];
  });
  const thumbnails = Array.isArray(said.thumbnails) ? said.thumbnails.map(pathOf).filter((found) => found !== null) : [];
  return { is: 'done', entry, path, subtitles, thumbnails };
}

function beginOf(said: Record<string, unknown>, video: Record<string, unknown>, entry: number): Line {
  const parts = objects(said.parts);
  const fetched = parts.length > 0 ? parts : [video];
  return {
    is: 'begin',
    entry,
    entryCount: size(video.n_entries),
    title: textOf(video.title),
    isLive: video.is_live === true || video.live_status === 'is_live',
    signature: JSON.stringify([
      video.id,
      video.format_id,
      video.timestamp,
      video.duration,
      fetched.map(({ filesize }) => filesize),
    ]),
    partSizesBytes: fetched.map(({ filesize, filesize_approx }) => size(filesize) ?? size(filesize_approx)),
  };
}

function progressOf(progress: Record<string, unknown>): Line | null {
  const file = pathOf(progress.filename);
  const doneBytes = size(progress.downloaded_bytes);
  if (file === null || doneBytes === null) return null;
  return { is: 'progress', file, doneBytes, totalBytes: size(progress.total_bytes) ?? size(progress.total_bytes_estimate) };
}

/** The one video of a page has no number. */
function entryOf(index: unknown): number | null {
  if (index === undefined || index === null) return 1;
  return typeof index === 'number' && Number.isInteger(index) && index >= 1 && index <= 1_000_000 ? index : null;
}

function pathOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= 8192 ? value : null;
}
