import { settings } from '#wire/yt-dlp/run.ts';
import { askVersion, isTooOld, tooOld, warnOfAge } from '#wire/yt-dlp/version.ts';
import { type Finding, finding } from './finding.ts';

/** The programs that fetch the video of web pages. Without them everything else works, so their absence is no fault. */
export async function checkMedia(told: unknown, searchPath: string): Promise<Finding[]> {
  const { ok, warn } = finding('Video pages');
  const { ytDlp, ffmpeg } = settings.parse(told ?? {});
  const [version, ffmpegVersion] = await Promise.all([
    askVersion(ytDlp, '--version', searchPath),
    askVersion(ffmpeg || 'ffmpeg', '-version', searchPath),
  ]);
  if (version === null)
    return [ok(`${ytDlp} is not there, so the video of web pages is not fetched. Install yt-dlp and ffmpeg if you want it.`)];
  if (isTooOld(version)) return [warn(tooOld(version))];
  if (ffmpegVersion === null)
    return [warn(`yt-dlp ${version} is there, but ffmpeg is not: many videos cannot be put together. Install ffmpeg.`)];
  const age = warnOfAge(version, Date.now());
  return [age === null ? ok(`yt-dlp ${version} and ffmpeg ${ffmpegVersion} fetch them.`) : warn(age)];
}
