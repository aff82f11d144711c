/** Video and sound of web pages, by yt-dlp and ffmpeg, which are programs of their own. */
import { join } from 'node:path';
import { z } from 'zod';
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution, ResolvedFile } from '#core/resolution.ts';
import type { EngineFile, EngineJob, Source, SourceContext } from '#core/source.ts';
import { formatBytes } from '#lib/format.ts';
import { type ChildProxy, type ChildProxyOptions, openChildProxy } from '../child-proxy.ts';
import { findProgram } from '../find-program.ts';
import { privateFolder } from '../private-folder.ts';
import { createWay } from '../way.ts';
import { extensionOf, isMainExtension, takeFile } from './files.ts';
import { type MediaInfo, mostEntries, parseInfo } from './info.ts';
import { lineOptions, parseLine } from './lines.ts';
import { besideName, nameOf, safeTitle, stemOf, toldApart, withExtension } from './naming.ts';
import type { Option } from './options.ts';
import { runYtDlp } from './program.ts';
import { Takings } from './takings.ts';
import { isTooOld, tooOld, warnOfAge } from './version.ts';
import { VersionChanged, Versions } from './versions.ts';

const heights = ['2160p', '1440p', '1080p', '720p', '480p', '360p'] as const;
const soundContainers = ['mp3', 'm4a', 'opus'] as const;

export const parameters = z.strictObject({
  quality: z
    .enum(['best', ...heights, 'audio'])
    .default('best')
    .describe('The best there is, the best up to a height, or sound alone.'),
  format: z
    .string()
    .max(200)
    .regex(/^[\w.+-]*$/, 'A format has the id that the page gives it, such as 137 or 137+140.')
    .default('')
    .describe('Exactly this format, by its id in the list of formats; it comes before the quality.'),
  container: z
    .enum(['original', 'mp4', 'mkv', 'webm', ...soundContainers])
    .default('original')
    .describe('Kind of file. mp3, m4a and opus are for sound alone.'),
  subtitles: z
    .string()
    .max(200)
    .regex(/^(?:[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*)?$/, 'Languages look like en,fr, or all.')
    .default('')
    .describe('Languages of subtitles, such as en,fr, or all; empty: none.'),
  embedSubtitles: z.boolean().default(false).describe('Put subtitles into the video instead of beside it.'),
  chapters: z.boolean().default(false).describe('Write the chapters into the file.'),
  thumbnail: z.enum(['none', 'file', 'embed']).default('none').describe('Picture of the page: beside the file, or in it.'),
  sponsorBlock: z
    .enum(['off', 'mark', 'remove'])
    .default('off')
    .describe('Parts that viewers reported as advertising: mark them as chapters, or cut them out. Asks sponsor.ajay.app.'),
  extractorArguments: z
    .string()
    .max(1000)
    .regex(/^(?:[a-z0-9_]+:[a-z_]+=[\w.,+-]+(?:;[a-z_]+=[\w.,+-]+)*)?$/, 'They look like youtube:player_client=web,tv')
    .default('')
    .describe('How yt-dlp is to ask one site, such as youtube:player_client=web.'),
  name: z
    .string()
    .max(200)
    .default('{title}')
    .describe('Name of the file without its extension, of {title}, {id}, {uploader}, {date} and {number}.'),
});
type Parameters = z.output<typeof parameters>;

export const settings = z.strictObject({
  ytDlp: z.string().min(1).default('yt-dlp').describe('The program yt-dlp: its name, or its path.'),
  ffmpeg: z.string().default('').describe('Path of the program ffmpeg; empty: as yt-dlp finds it.'),
  pages: z.boolean().default(true).describe('Look for video and sound behind links to web pages.'),
});

/** Longest description of a page, and longest line of what happens. */
const longestInfoBytes = 32 * 1024 * 1024;
const longestLineBytes = 1024 * 1024;
/** Parts of the names that yt-dlp has for ways to fetch without a proxy. */
const pastTheProxy = ['rtmp', 'rtsp', 'mms', 'websocket'];
/** A page that changes while it is fetched is begun again so often. */
const mostVersions = 3;
/** What is sent live is looked at again after this long. */
const liveMs = 10 * 60_000;

/** Is the program there? */
export function hasProgram(context: SourceContext): boolean {
  return findProgram(settingsOf(context).ytDlp, context.searchPath) !== null;
}

export function asksPages(context: SourceContext): boolean {
  return settingsOf(context).pages;
}

export const probeMedia: Source['probe'] = async (context, link, request, signal, asked) => {
  const wishes = readWishes(asked?.parameters);
  checkPossible(link, request);
  const folder = await privateFolder();
  const proxy = await openProxy(context, link, request);
  try {
    let text = '';
    await runYtDlp(
      {
        ...programOf(context),
        folder: folder.path,
        link,
        request,
        proxy,
        options: [['dump-single-json'], ['flat-playlist'], ['playlist-items', `:${mostEntries}`], ...chosenBy(wishes)],
        longestLineBytes: longestInfoBytes,
        onLine: (line) => {
          if (line.startsWith('{')) text = line;
        },
        onTalk: () => {},
      },
      signal,
    );
    return resolutionOf(context, link, wishes, parseInfo(text));
  } finally {
    proxy.close();
    await folder.remove();
  }
};

export const runMedia: NonNullable<Source['run']> = async (context, job, signal) => {
  const wishes = readWishes(job.parameters);
  checkPossible(job.link, job.request);
  const asked = { parameters: job.parameters };
  const known = job.resolution?.kind === 'media' ? job.resolution : null;
  const before = known ?? (await probeMedia(context, job.link, job.request, signal, asked));
  const takings = new Takings(context.clock.mono());
  const proxy = await openProxy(context, job.link, job.request, {
    limitBytesPerSecond: () => job.limitBytesPerSecond(),
    onBytes: (byteCount) => takings.hear(byteCount),
  });
  try {
    job.show(() => takings.state(context.clock.mono(), proxy.openHosts));
    job.note('fetching', `Fetching ${showLink(job.link)} with yt-dlp.`);
    await fetchAll(context, job, wishes, before, takings, proxy, signal);
    const { resolution, files } = await gather(job, wishes, before, takings);
    const facts = { finalUrl: resolution.finalUrl, validator: resolution.validator };
    return {
      resolution,
      files,
      facts: { ...facts, fetchedBytes: proxy.receivedBytes, connections: Math.max(1, proxy.connectionCount) },
    };
  } finally {
    proxy.close();
  }
};

function readWishes(given: Record<string, unknown> = {}): Parameters {
  const read = parameters.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new FlotillaError(
    'link_invalid',
    `The parameter ${issue?.path.join('.') || 'of the page'} makes no sense: ${issue?.message}`,
  );
}

const settingsOf = (context: SourceContext) => settings.parse(context.settings.media ?? {});

function programOf(context: SourceContext) {
  return { clock: context.clock, command: settingsOf(context).ytDlp, searchPath: context.searchPath };
}

/** What belongs to the origin of the link alone would be sent to every server that the page names: yt-dlp knows no origins. */
function checkPossible(link: URL, { headers = [], bearer, certificate, user }: RequestOptions): void {
  if (!/^https?:$/.test(link.protocol)) {
    throw new FlotillaError('unsupported', `Video pages are links that begin with http: or https:, not with ${link.protocol}`);
  }
  // A login in the link would be in the Referer of all that the page shows from elsewhere.
  const hasLogin = user !== undefined || link.username !== '' || link.password !== '';
  if (headers.length === 0 && bearer === undefined && certificate === undefined && !hasLogin) return;
  const message =
    'Passwords, headers, tokens and certificates of your own cannot be kept to one site on a video page. Leave them out, and give the cookies of your browser instead: those are kept to theirs.';
  throw new FlotillaError('unsupported', message);
}

function openProxy(
  context: SourceContext,
  link: URL,
  request: RequestOptions,
  more: Pick<ChildProxyOptions, 'limitBytesPerSecond' | 'onBytes'> = {},
): Promise<ChildProxy> {
  const { clock, egress, hosts, connectTimeoutMs } = context;
  return openChildProxy({ clock, way: createWay(egress, link, request), hosts, connectTimeoutMs, ...more });
}

/** Options that say what is chosen: they decide what the page leads to. */
function chosenBy({ quality, format, container, extractorArguments, subtitles, ...others }: Parameters): Option[] {
  const options: Option[] = [];
  const isSound = isSoundAlone({ quality, container });
  if (format !== '') options.push(['format', format]);
  else if (isSound) options.push(['format', 'ba/b']);
  else if (quality !== 'best') options.push(['format-sort', `res:${Number.parseInt(quality, 10)}`]);
  if (isSound) options.push(['extract-audio'], ['audio-format', container === 'original' ? 'best' : container]);
  else if (container !== 'original') options.push(['merge-output-format', container], ['remux-video', container]);
  if (subtitles !== '') options.push(['write-subs'], ['sub-langs', subtitles === 'all' ? 'all,-live_chat' : subtitles]);
  if (subtitles !== '' && others.embedSubtitles) options.push(['embed-subs']);
  if (others.chapters) options.push(['embed-chapters']);
  if (others.thumbnail !== 'none') options.push([others.thumbnail === 'file' ? 'write-thumbnail' : 'embed-thumbnail']);
  if (others.sponsorBlock !== 'off') options.push([`sponsorblock-${others.sponsorBlock}`, 'default']);
  if (extractorArguments !== '') options.push(['extractor-args', extractorArguments]);
  return options;
}

function isSoundAlone({ quality, container }: Pick<Parameters, 'quality' | 'container'>): boolean {
  return quality === 'audio' || soundContainers.some((sound) => sound === container);
}

function resolutionOf(context: SourceContext, link: URL, wishes: Parameters, info: MediaInfo): Resolution {
  if (info.version !== null && isTooOld(info.version)) throw new FlotillaError('tool_missing', tooOld(info.version));
  const { entries, extractor, version, formats, subtitles, chapters, thumbnail, isPlaylist, pageUrl } = info;
  const [first] = entries;
  if (!isPlaylist && first?.isLive) throw isLiveNow();
  if (!isPlaylist && first?.extension && !isMainExtension(first.extension)) {
    throw new FlotillaError('unsupported', `No video or sound was found behind ${showLink(link)}.`);
  }
  const names = entries.map((entry, at) => {
    const extension = expectedExtension(wishes, entry.extension);
    return nameOf(wishes.name, { ...entry, number: isPlaylist ? at + 1 : null }, extension);
  });
  const isOriginal = wishes.container === 'original' && !isSoundAlone(wishes);
  const root = isPlaylist ? safeTitle(info.title) : null;
  const files = inFolder(root, names).map(
    (path, at): ResolvedFile => ({ path, sizeBytes: (isOriginal ? entries[at]?.sizeBytes : null) ?? null }),
  );
  const warning = warnOfAge(version, context.clock.now());
  return {
    kind: 'media',
    name: root ?? files[0]?.path ?? 'media',
    files,
    resumable: true,
    finalUrl: pageUrl ?? showLink(link),
    validator: { etag: null, lastModified: null },
    mediaType: null,
    digests: [],
    details: {
      title: info.title,
      extractor,
      program: `yt-dlp ${version ?? ''}`.trim(),
      ...(warning !== null && { warning }),
      entryCount: entries.length,
      durationSeconds: isPlaylist ? null : (first?.durationSeconds ?? null),
      formats,
      subtitles,
      chapters,
      thumbnail,
    },
  };
}

/** Before it is fetched, what a video of a list will be is a guess; the result says what it became. */
function expectedExtension({ quality, container }: Parameters, found: string | null): string {
  if (container !== 'original') return container;
  return found ?? (quality === 'audio' ? 'm4a' : 'mp4');
}

/** Runs yt-dlp until all that is wanted is on disk. */
async function fetchAll(
  context: SourceContext,
  job: EngineJob,
  wishes: Parameters,
  before: Resolution,
  takings: Takings,
  proxy: ChildProxy,
  signal: AbortSignal,
): Promise<void> {
  const { ffmpeg } = settingsOf(context);
  const mostBytes = job.mostBytes ?? Number.POSITIVE_INFINITY;
  const folder = join(job.folder, 'files');
  const versions = new Versions(folder, join(job.folder, 'versions.json'));
  const entries = wantedEntries(job, before);
  const options: Option[] = [
    ...lineOptions,
    ...chosenBy(wishes),
    // Numbers, so that nothing that a page says is part of a path. % begins a field.
    ['output', `${folder.replaceAll('%', '%%')}/%(playlist_index|1)s.%(ext)s`],
    // A hole in a video is no video.
    ['abort-on-unavailable-fragments'],
    ['no-mtime'],
    ['downloader', 'native'],
    // For these yt-dlp starts rtmpdump or a player, or connects by itself (websocket_frag): none of them knows a proxy, and each
    // would connect to whatever a page names.
    ['match-filters', pastTheProxy.map((protocol) => `protocol!*=?${protocol}`).join(' & ')],
    ['downloader-args', 'ffmpeg_i:-protocol_whitelist http,https,httpproxy,tls,tcp,crypto'],
    ['postprocessor-args', 'ffmpeg_i:-protocol_whitelist file'],
  ];
  if (ffmpeg !== '') options.push(['ffmpeg-location', ffmpeg]);
  if (entries !== null) options.push(['playlist-items', entries.join(',')]);
  for (let tries = 1; ; tries++) {
    try {
      await runYtDlp(
        {
          ...programOf(context),
          folder: join(job.folder, 'tool'),
          link: job.link,
          request: job.request,
          proxy,
          options,
          longestLineBytes,
          onLine: (text) => {
            const line = parseLine(text);
            if (line === null) return;
            if (line.is === 'begin') {
              if (line.isLive) throw isLiveNow();
              versions.check(line.entry, line.signature);
            }
            takings.take(line);
            if (takings.leastBytes > mostBytes) throw tooLarge(takings.leastBytes, mostBytes);
          },
          onTalk: (line) => job.debug(line),
        },
        signal,
      );
      return;
    } catch (error) {
      if (!(error instanceof VersionChanged)) throw error;
      if (tries === mostVersions)
        throw new FlotillaError('content_changed', 'The page changes again and again while it is fetched.');
      versions.forget(error.entry);
      takings.forget();
      job.note('restarted', 'What the page leads to has changed since it was begun. It is fetched from the start.');
    }
  }
}

/** Numbers of the wanted entries, from 1; null: all. */
function wantedEntries({ selected }: EngineJob, before: Resolution): number[] | null {
  const entryCount = entryCountOf(before);
  if (selected === null) return null;
  const entries = [...selected].filter((index) => index < entryCount).map((index) => index + 1);
  if (entries.length > 0) return entries.sort((a, b) => a - b);
  throw new FlotillaError('link_invalid', 'None of the videos of the page was chosen.');
}

function entryCountOf({ files, details }: Resolution): number {
  return typeof details?.entryCount === 'number' ? details.entryCount : files.length;
}

/** The finished files, and what the page has turned out to be. */
async function gather(
  job: EngineJob,
  wishes: Parameters,
  before: Resolution,
  { done }: Takings,
): Promise<{ resolution: Resolution; files: EngineFile[] }> {
  const folder = join(job.folder, 'files');
  const entryCount = entryCountOf(before);
  const wanted = wantedEntries(job, before) ?? Array.from({ length: entryCount }, (_, at) => at + 1);
  const missing = wanted.filter((entry) => !done.has(entry));
  if (missing.length > 0) {
    const message = `${missing.length} of ${wanted.length} videos did not come (the first is number ${missing[0]}), and yt-dlp gives no reason. What is sent by RTMP, RTSP or MMS alone is not fetched.`;
    throw new FlotillaError('truncated', message);
  }
  const names = before.files.slice(0, entryCount).map(({ path }) => path.split('/').at(-1) ?? path);
  const taken: { index: number; diskPath: string; sizeBytes: number }[] = [];
  for (const entry of wanted) {
    const { path, subtitles, thumbnails } = done.get(entry) as NonNullable<ReturnType<typeof done.get>>;
    const name = names[entry - 1] ?? 'media';
    taken.push({ index: entry - 1, ...(await takeFile(folder, path)) });
    names[entry - 1] = withExtension(name, extensionOf(path));
    const beside = [
      ...(wishes.embedSubtitles ? [] : subtitles),
      ...(wishes.thumbnail === 'file' ? thumbnails.slice(0, 1).map((found) => ({ language: null, path: found })) : []),
    ];
    for (const { language, path: besidePath } of beside) {
      taken.push({ index: names.length, ...(await takeFile(folder, besidePath)) });
      names.push(besideName(name, language, extensionOf(besidePath)));
    }
  }
  const sizes = new Map(taken.map(({ index, sizeBytes }) => [index, sizeBytes]));
  const totalBytes = [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  if (totalBytes > (job.mostBytes ?? Number.POSITIVE_INFINITY)) throw tooLarge(totalBytes, job.mostBytes ?? 0);
  const root = before.files.length > 1 || names.length > 1 ? rootOf(before) : null;
  const files = inFolder(root, names).map((path, index) => ({ path, sizeBytes: sizes.get(index) ?? null }));
  const name = files.length === 1 ? (files[0]?.path ?? before.name) : before.name;
  return {
    resolution: { ...before, name, files },
    files: taken.map((file) => ({ ...file, path: files[file.index]?.path ?? '' })),
  };
}

/** The folder of what is more than one file. */
function rootOf({ files, name }: Resolution): string {
  const [root = name, ...more] = files[0]?.path.split('/') ?? [];
  return more.length > 0 ? root : stemOf(root);
}

function inFolder(root: string | null, names: readonly string[]): string[] {
  return toldApart(names).map((name) => (root === null ? name : `${root}/${name}`));
}

function isLiveNow(): FlotillaError {
  const message = 'This is being sent live just now, and has no end yet. It can be fetched when it is over.';
  return new FlotillaError('busy', message, { retryAfterMs: liveMs });
}

function tooLarge(leastBytes: number, mostBytes: number): FlotillaError {
  const message = `It has ${formatBytes(leastBytes)} or more, and not the ${formatBytes(mostBytes)} that a download may have here. An admin can raise the limit.`;
  return new FlotillaError('too_large', message);
}
