/** Video pages from the outside: real pages, real yt-dlp and ffmpeg, real processes that are stopped and killed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { launcher, startPlainly, untilEnd } from '#testing/run-get.ts';
import { askFfprobe, clipSeconds, serveMedia, ytDlpPath } from '#testing/serve-media.ts';
import type { Nginx } from '#testing/serve-nginx.ts';
import { type FaultProxy, serveProxy } from '#testing/serve-proxy.ts';
import { startServing, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';

const env = { FLOTILLA_MEDIA_YT_DLP: ytDlpPath };

/** `get` of one link into a folder. */
const startGet = (t: Scope, folder: string, ...args: string[]) =>
  startPlainly(t, ['get', '-d', folder, ...args], launcher, env);

/** Bytes of the clip that lie in the folder of a download that is not finished. */
function unfinishedBytes(folder: string): number {
  const [home] = readdirSync(folder).filter((name) => name.startsWith('.flotilla-'));
  const part = join(folder, home ?? '', 'engine/files/1.mp4.part');
  return existsSync(part) ? statSync(part).size : 0;
}

/** Programs whose home is in the folder, by what they are. */
function programsIn(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${folder}`);
      return isOurs ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
}

describe('video pages', { concurrency: 2, timeout: 400_000 }, () => {
  const scope = suiteScope();
  let nginx: Nginx;
  let proxy: FaultProxy;
  let clip: Buffer;

  before(async () => {
    nginx = await serveMedia(scope, { slowBytesPerSecond: 50_000 });
    proxy = await serveProxy(scope, nginx.port);
    clip = readFileSync(join(nginx.folder, 'clip.mp4'));
  });
  test('get finds the video of a page by itself, and the page where that is asked for', async (t) => {
    const folder = tempFolder(t);
    const [video, page] = await Promise.all([
      untilEnd(await startGet(t, folder, `${nginx.origin}/page.html`)),
      untilEnd(await startGet(t, folder, '--as', 'http', `${nginx.origin}/list.html`)),
    ]);
    assert.deepEqual([video.code, page.code], [0, 0], video.stderr + page.stderr);
    assert.deepEqual(namesIn(folder).sort(), ['A page with a clip (1).mp4', 'list.html']);
    assert.ok(readFileSync(join(folder, 'A page with a clip (1).mp4')).equals(clip));
  });

  test('probe shows people the formats and the subtitles of a page', async (t) => {
    const args = ['probe', '--as', 'media', `${nginx.origin}/words.html`];
    const { code, stdout, stderr } = await untilEnd(await startPlainly(t, args, launcher, env));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^A clip with words \(1\)\.mp4 {2}size not known$/m);
    assert.match(stdout, /^formats\n +0, extension mp4$/m);
    assert.match(stdout, /^subtitles {2}en, fr$/m);
    assert.match(stdout, /^program {4}yt-dlp 20\d\d\./m);
  });

  test('Ctrl+C ends a probe with all that it started, and leaves no cookies behind', async (t) => {
    const [folder, temporary] = [tempFolder(t), tempFolder(t)];
    const [program, cookies] = [join(folder, 'yt-dlp'), join(folder, 'cookies.txt')];
    writeFileSync(program, '#!/bin/sh\n[ "$1" = --version ] && echo 2026.01.01 || sleep 500\n', { mode: 0o755 });
    writeFileSync(cookies, '127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tsecret\n');
    const args = ['probe', '--as', 'media', '--cookies', cookies, `${nginx.origin}/words.html`];
    const started = await startPlainly(t, args, launcher, { TMPDIR: temporary, FLOTILLA_MEDIA_YT_DLP: program });
    await until(() => programsIn(temporary).some((command) => command.startsWith('sleep')), 'it has begun');
    assert.equal((await started.kill('SIGINT')).code, 130);
    assert.deepEqual([started.stdout, programsIn(temporary), readdirSync(temporary)], ['', [], []]);
  });

  test('a page without a video is fetched as it is', async (t) => {
    const folder = tempFolder(t);
    const { code, stderr } = await untilEnd(await startGet(t, folder, `${nginx.origin}/empty.html`));
    assert.equal(code, 0, stderr);
    assert.deepEqual(namesIn(folder), ['empty.html']);
  });

  test('of a list the chosen ones come, as sound alone', async (t) => {
    const folder = tempFolder(t);
    const chosen = ['--as', 'media', '--set', 'quality=audio', '--set', 'container=mp3', '--files', '0,2'];
    const { code, stderr } = await untilEnd(await startGet(t, folder, ...chosen, `${nginx.origin}/list.html`));
    assert.equal(code, 0, stderr);
    const names = readdirSync(join(folder, 'Three clips')).sort();
    assert.deepEqual(names, ['Three clips (1).mp3', 'Three clips (3).mp3']);
    for (const name of names) assert.deepEqual(askFfprobe(join(folder, 'Three clips', name)).codecs, ['mp3']);
  });

  test('a get that is killed goes on where it was, with the right bytes', async (t) => {
    const folder = tempFolder(t);
    const link = `${proxy.origin}/slow/page.html`;
    const get = await startGet(t, folder, link);
    await until(() => unfinishedBytes(folder) > clip.length / 3, `a third is there: ${get.stderr}`);
    await get.kill('SIGKILL');
    const keptBytes = unfinishedBytes(folder);
    const sentBefore = proxy.bytesSent;
    const { code, stderr } = await untilEnd(await startGet(t, folder, link));
    assert.equal(code, 0, stderr);
    assert.ok(readFileSync(join(folder, 'A page with a clip (1).mp4')).equals(clip), 'other bytes');
    const again = proxy.bytesSent - sentBefore;
    assert.ok(again < clip.length - keptBytes / 2, `${again} bytes came, though ${keptBytes} of ${clip.length} were there`);
    assert.deepEqual(namesIn(folder), ['A page with a clip (1).mp4']);
  });

  test('Ctrl+C ends all programs at once and keeps what is there', async (t) => {
    const folder = tempFolder(t);
    const get = await startGet(t, folder, `${nginx.origin}/slow/page.html`);
    await until(() => unfinishedBytes(folder) > 0, `it has begun: ${get.stderr}`);
    assert.notDeepEqual(programsIn(folder), []);
    await get.kill('SIGINT');
    assert.deepEqual(programsIn(folder), []);
    assert.ok(unfinishedBytes(folder) > 0);
  });

  test('without yt-dlp a sentence says what to do', async (t) => {
    const missing = { FLOTILLA_MEDIA_YT_DLP: '/nowhere/yt-dlp' };
    const args = ['get', '-d', tempFolder(t), '--as', 'media', `${nginx.origin}/page.html`];
    const { code, stderr } = await untilEnd(await startPlainly(t, args, launcher, missing));
    assert.notEqual(code, 0);
    assert.match(stderr, /\/nowhere\/yt-dlp cannot be started.*Install it/);
  });

  test('a server fetches a page with its parameters, and cancelling leaves no program', async (t) => {
    const { client, data, downloads } = await startServing(t, { env });
    const stateOf = async (id: string) => (await client.getDownload({ params: { id } })).state;
    const add = (body: Record<string, unknown>) => client.addDownload({ body: body as never });

    const words = await add({
      url: `${nginx.origin}/words.html`,
      parameters: { subtitles: 'en', embedSubtitles: true, container: 'mkv' },
    });
    // So slow that it is cancelled long before its end.
    const slow = await add({ url: `${nginx.origin}/page.html`, as: 'media', limitBytesPerSecond: 5000 });
    await until(async () => (await stateOf(words.id)) === 'completed', 'the page is fetched');
    const path = join(downloads, 'A clip with words (1).mkv');
    const found = askFfprobe(path);
    assert.ok(Math.abs(found.seconds - clipSeconds) < 0.5);
    assert.ok(
      found.codecs.some((codec) => /webvtt|subrip|ass/.test(codec)),
      found.codecs.join(),
    );
    const kept = await client.getDownload({ params: { id: words.id } });
    assert.equal(kept.sizeBytes, statSync(path).size);

    await until(() => programsIn(join(data, 'scratch')).length > 0, 'the slow one runs');
    await client.cancelDownload({ params: { id: slow.id } });
    await until(() => programsIn(join(data, 'scratch')).length === 0, 'its programs are gone');
    assert.equal(await stateOf(slow.id), 'cancelled');
  });

  test('a server without yt-dlp leaves pages to the worker that has it', async (t) => {
    const serving = await startServing(t, { env: { FLOTILLA_MEDIA_YT_DLP: '/nowhere/yt-dlp' } });
    const { client } = serving;
    const { command } = await client.inviteWorker({ body: {} });
    const args = [...command.split(' ').slice(1), '--data', tempFolder(t), '--name', 'able'];
    const able = await startProcess(t, launcher, args, { env: { ...env, FLOTILLA_NET_ALLOW: '127.0.0.0/8' }, stopSeconds: 25 });
    await able.until(/^ready worker able$/m);
    // Together, so that the server's own worker gets some of the looks.
    const urls = Array.from({ length: 4 }, () => `${nginx.origin}/page.html`);
    const added = await Promise.all(urls.map((url) => client.addDownload({ body: { url } })));
    const ended = await Promise.all(added.map(({ id }) => untilState(serving, id, 'completed')));
    assert.deepEqual(
      ended.map(({ kind, sizeBytes }) => [kind, sizeBytes]),
      urls.map(() => ['media', clip.length]),
    );
  });
});
