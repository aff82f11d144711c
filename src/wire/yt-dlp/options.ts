/**
 * What yt-dlp is told. It reads it from a file of ours, so that neither a secret nor a word of a stranger is in its arguments;
 * only these options can be said at all, and whatever comes from outside is a value behind `=`, which is never an option.
 */
export type Option = readonly [name: OptionName, value?: string];

export const optionNames = [
  // Which
  'batch-file',
  'flat-playlist',
  'no-playlist',
  'playlist-items',
  // How it connects
  'proxy',
  'cookies',
  'user-agent',
  'referer',
  'socket-timeout',
  'extractor-args',
  'compat-options',
  // What is chosen
  'match-filters',
  'format',
  'format-sort',
  'extract-audio',
  'audio-format',
  'merge-output-format',
  'remux-video',
  'write-subs',
  'sub-langs',
  'embed-subs',
  'embed-chapters',
  'write-thumbnail',
  'embed-thumbnail',
  'sponsorblock-mark',
  'sponsorblock-remove',
  // Where it goes, and what is said
  'output',
  'no-cache-dir',
  'no-mtime',
  'abort-on-unavailable-fragments',
  'concurrent-fragments',
  'ffmpeg-location',
  'downloader',
  'downloader-args',
  'postprocessor-args',
  'dump-single-json',
  'newline',
  'progress',
  'progress-delta',
  'progress-template',
  'print',
] as const;
export type OptionName = (typeof optionNames)[number];

/** The only arguments that it is started with. The file says everything else. */
export function argumentsOf(optionsPath: string): string[] {
  return ['--ignore-config', '--config-locations', optionsPath];
}

/** The text of the file: it is split into words as a POSIX shell does it. */
export function writeOptions(options: readonly Option[]): string {
  const lines = options.map(([name, value]) => (value === undefined ? `--${name}` : `--${name}=${quote(value)}`));
  // Says to yt-dlp how the file is to be read, whatever the language of the system.
  return `# coding: utf-8\n${lines.join('\n')}\n`;
}

/** In single quotes everything is as it is, but the quote itself. */
function quote(value: string): string {
  // What no file name and no line of HTTP can carry either.
  return `'${value.toWellFormed().replaceAll('\0', '').replaceAll("'", `'"'"'`)}'`;
}
