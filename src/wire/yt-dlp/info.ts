/** What yt-dlp tells of a page, as we keep it: bounded, plain, and believed in nothing. */
import { FlotillaError } from '#core/errors.ts';

export type MediaFormat = {
  id: string;
  extension: string;
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  /** null: there is none, or nobody says. */
  videoCodec: string | null;
  audioCodec: string | null;
  bitsPerSecond: number | null;
  sizeBytes: number | null;
  /** Of those that do not say: from bit rate and duration. */
  estimatedSizeBytes: number | null;
  note: string | null;
};

export type MediaEntry = {
  /** As the site calls it: not safe for a name. */
  id: string;
  title: string;
  uploader: string | null;
  /** `2026-10-26`, of its publication. */
  date: string | null;
  durationSeconds: number | null;
  /** Of the one file that it would become; null: the page does not say before it is fetched. */
  extension: string | null;
  sizeBytes: number | null;
  /** Is something being sent just now, to everybody at once? */
  isLive: boolean;
};

export type MediaInfo = {
  title: string;
  extractor: string;
  /** Of the program. */
  version: string | null;
  pageUrl: string | null;
  /** A page with one video has one. */
  entries: MediaEntry[];
  isPlaylist: boolean;
  /** Of a page with one video, the best last. */
  formats: MediaFormat[];
  /** Languages of subtitles. */
  subtitles: string[];
  chapters: { title: string; startSeconds: number }[];
  thumbnail: string | null;
};

export const mostEntries = 10_000;
const mostFormats = 120;
const mostLanguages = 300;
const mostChapters = 300;
const longestText = 500;

type Json = Record<string, unknown>;

/** Throws `protocol_error` when the text is no description of a page, and `unsupported` when there is nothing to fetch. */
export function parseInfo(text: string): MediaInfo {
  const page = asObject(parseJson(text));
  if (page === null) throw new FlotillaError('protocol_error', 'yt-dlp told nothing of the page that can be read.');
  const isPlaylist = Array.isArray(page.entries);
  const entries = (isPlaylist ? (page.entries as unknown[]) : [page]).slice(0, mostEntries).map(entryOf);
  if (entries.length === 0)
    throw new FlotillaError('unsupported', 'No video or sound was found behind this link: its list is empty.');
  const single = isPlaylist ? {} : page;
  return {
    title: textOf(page.title) ?? textOf(page.id) ?? 'media',
    extractor: textOf(page.extractor_key) ?? textOf(page.extractor) ?? 'unknown',
    version: textOf(asObject(page._version)?.version),
    pageUrl: webLink(page.webpage_url),
    entries,
    isPlaylist,
    formats: objects(single.formats).slice(-mostFormats).map(formatOf),
    subtitles: Object.keys(asObject(single.subtitles) ?? {})
      .filter((language) => language !== 'live_chat')
      .slice(0, mostLanguages)
      .map(short),
    chapters: objects(single.chapters).slice(0, mostChapters).map(chapterOf),
    thumbnail: webLink(single.thumbnail),
  };
}

/** Text as JSON; null when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function entryOf(found: unknown): MediaEntry {
  const entry = asObject(found) ?? {};
  const chosen = objects(entry.requested_downloads)[0] ?? entry;
  const isWhole = Array.isArray(entry.formats) || entry.direct === true || textOf(chosen.ext) !== null;
  return {
    id: textOf(entry.id) ?? '',
    title: textOf(entry.title) ?? textOf(entry.id) ?? textOf(entry.url) ?? '',
    uploader: textOf(entry.uploader) ?? textOf(entry.channel),
    date: dateOf(entry.upload_date),
    durationSeconds: positive(entry.duration),
    extension: isWhole ? (textOf(chosen.ext) ?? textOf(entry.ext)) : null,
    sizeBytes: Array.isArray(chosen.requested_formats) ? null : size(chosen.filesize),
    isLive: entry.is_live === true || entry.live_status === 'is_live',
  };
}

function formatOf(format: Json): MediaFormat {
  const rate = positive(format.tbr);
  return {
    id: textOf(format.format_id) ?? '',
    extension: textOf(format.ext) ?? '',
    width: positive(format.width),
    height: positive(format.height),
    framesPerSecond: positive(format.fps),
    videoCodec: codec(format.vcodec),
    audioCodec: codec(format.acodec),
    bitsPerSecond: rate === null ? null : Math.round(rate * 1000),
    sizeBytes: size(format.filesize),
    estimatedSizeBytes: size(format.filesize_approx),
    note: textOf(format.format_note),
  };
}

function chapterOf(chapter: Json): { title: string; startSeconds: number } {
  return { title: textOf(chapter.title) ?? '', startSeconds: positive(chapter.start_time) ?? 0 };
}

export function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(asObject).filter((item) => item !== null) : [];
}

/** Text that is not empty, not too long; numbers are read as text, because some sites name things by number. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value !== '' ? short(value) : null;
}

/** A whole number of bytes; null when it is none. */
export function size(value: unknown): number | null {
  const known = positive(value);
  return known === null || known > Number.MAX_SAFE_INTEGER ? null : Math.round(known);
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function codec(value: unknown): string | null {
  const name = textOf(value);
  return name === 'none' ? null : name;
}

function dateOf(value: unknown): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(textOf(value) ?? '') ?? [];
  return year === undefined ? null : `${year}-${month}-${day}`;
}

function webLink(value: unknown): string | null {
  const url = typeof value === 'string' && value.length <= 8192 ? URL.parse(value) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.password === '' ? url.href : null;
}

function short(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
}
