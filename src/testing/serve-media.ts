import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Nginx, type NginxOptions, serveNginx } from './serve-nginx.ts';
import type { Scope } from './temp.ts';

/** Where `npm run services` puts the yt-dlp of the tests. */
export const ytDlpPath = join(import.meta.dirname, '../../node_modules/.cache/flotilla-tests/yt-dlp/yt-dlp');

/** What the source is told in tests. */
export const mediaSettings = { ytDlp: ytDlpPath };

/** Of each clip. */
export const clipSeconds = 4;

/**
 * A real nginx in front of clips that ffmpeg has just made and pages that show them, below each of the paths of `serveNginx`:
 * `page.html` (one clip), `list.html` (three), `words.html` (one with subtitles in en and fr and a picture), `empty.html` (none),
 * `hls/index.m3u8` (four pieces), `dash/index.mpd` (picture and sound apart, 480 and 240 lines high), `clip.mp4` (180 lines).
 */
export async function serveMedia(t: Scope, options: NginxOptions = {}): Promise<Nginx> {
  const nginx = await serveNginx(t, options);
  const file = (name: string) => join(nginx.folder, name);
  for (const name of ['hls', 'dash']) mkdirSync(file(name));
  const picture = ['-f', 'lavfi', '-i', `testsrc2=s=320x180:r=25:d=${clipSeconds}`];
  const sound = ['-f', 'lavfi', '-i', `sine=440:d=${clipSeconds}`];
  const coded = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];
  ffmpeg(...picture, ...sound, ...coded, file('clip.mp4'));
  ffmpeg(
    '-i',
    file('clip.mp4'),
    '-c',
    'copy',
    '-f',
    'hls',
    '-hls_time',
    '1',
    '-hls_playlist_type',
    'vod',
    file('hls/index.m3u8'),
  );
  const heights = ['-map', '0:v', '-map', '0:v', '-map', '1:a', '-s:v:0', '640x480', '-s:v:1', '320x240', '-b:v:1', '100k'];
  ffmpeg(...picture, ...sound, ...heights, ...coded, '-f', 'dash', '-seg_duration', '1', file('dash/index.mpd'));
  ffmpeg('-i', file('clip.mp4'), '-frames:v', '1', file('poster.jpg'));
  for (const language of ['en', 'fr'])
    writeFileSync(file(`${language}.vtt`), `WEBVTT\n\n00:00.000 --> 00:02.000\nHello ${language}\n`);
  const clip = '<video controls><source src="clip.mp4" type="video/mp4"></video>';
  const track = (language: string) => `<track kind="subtitles" src="${language}.vtt" srclang="${language}">`;
  const words = `<video controls poster="poster.jpg"><source src="clip.mp4" type="video/mp4">${track('en')}${track('fr')}</video>`;
  writePage(file('page.html'), 'A page with a clip', clip);
  writePage(file('list.html'), 'Three clips', clip + words + clip);
  writePage(file('words.html'), 'A clip with words', words);
  writePage(file('empty.html'), 'Nothing to see', '<p>Only text.</p>');
  return nginx;
}

export function writePage(path: string, title: string, body: string): void {
  writeFileSync(path, `<!doctype html><html><head><title>${title}</title></head><body>${body}</body></html>\n`);
}

export type Probed = { seconds: number; codecs: string[]; height: number | null; container: string };

/** What a finished file really is. */
export function askFfprobe(path: string): Probed {
  const args = ['-v', 'error', '-show_entries', 'format=duration,format_name:stream=codec_name,height', '-of', 'json', path];
  const said = JSON.parse(execFileSync('ffprobe', args, { encoding: 'utf8' }));
  const streams = said.streams as { codec_name: string; height?: number }[];
  return {
    seconds: Number(said.format.duration),
    codecs: streams.map(({ codec_name }) => codec_name).sort(),
    height: streams.find(({ height }) => height !== undefined)?.height ?? null,
    container: said.format.format_name,
  };
}

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}
