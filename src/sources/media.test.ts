import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import type { EngineJob, EngineResult, EngineState, SourceContext } from '#core/source.ts';
import { noServices } from '#testing/no-services.ts';
import { askFfprobe, clipSeconds, mediaSettings, serveMedia, writePage } from '#testing/serve-media.ts';
import type { Nginx } from '#testing/serve-nginx.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { detect } from './detect.ts';
import { media } from './media.ts';

/** yt-dlp needs a second or two to start, and more on a machine that is busy. */
const patient = { timeout: 180_000 };

function contextOf(t: Scope, allow = ['127.0.0.0/8'], settings: Record<string, unknown> = {}): SourceContext {
  const connections = createKeptConnections();
  releaseAfter(t, () => connections.close());
  const egress = createEgress({ allow });
  const told = { media: { ...mediaSettings, ...settings } };
  return { clock: systemClock, egress, connections, connectTimeoutMs: 10_000, ...noServices, settings: told };
}

type Wish = {
  parameters?: Record<string, unknown>;
  request?: RequestOptions;
  selected?: number[];
  folder?: string;
  mostBytes?: number;
  limit?: () => number | null;
  signal?: AbortSignal;
  allow?: string[];
  settings?: Record<string, unknown>;
  searchPath?: string;
  resolution?: Resolution;
};

function probe(t: TestContext, link: string, wish: Wish = {}): Promise<Resolution> {
  const { parameters = {}, request = {}, signal = t.signal, allow, settings } = wish;
  return media.probe(contextOf(t, allow, settings), new URL(link), request, signal, { parameters });
}

type Ran = { result: EngineResult; names: string[]; notes: string[]; state: () => EngineState };

async function run(t: TestContext, link: string, wish: Wish = {}): Promise<Ran> {
  const { parameters = {}, request = {}, selected, folder = tempFolder(t), mostBytes = null, limit = () => null } = wish;
  const context = { ...contextOf(t, wish.allow, wish.settings), ...(wish.searchPath && { searchPath: wish.searchPath }) };
  const notes: string[] = [];
  let state: () => EngineState = () => assert.fail('nothing was shown');
  const job: EngineJob = {
    link: new URL(link),
    request,
    parameters,
    document: null,
    selected: selected === undefined ? null : new Set(selected),
    folder,
    resolution: wish.resolution ?? null,
    mostBytes,
    limitBytesPerSecond: limit,
    show: (given) => {
      state = given;
    },
    note: (event) => notes.push(event),
    debug: () => {},
  };
  const result = await media.run(context, job, wish.signal ?? t.signal);
  return { result, names: result.files.map(({ path }) => path), notes, state };
}

/** Saves the look at the page before. */
const asOne = (name: string, files = [name]): Resolution => ({
  kind: 'media',
  name,
  files: files.map((path) => ({ path, sizeBytes: null })),
  resumable: true,
  finalUrl: 'http://127.0.0.1/',
  validator: { etag: null, lastModified: null },
  mediaType: null,
  digests: [],
});

describe('media', { concurrency: 2 }, () => {
  const scope = suiteScope();
  let served: Nginx;

  before(async () => {
    served = await serveMedia(scope);
  });
  test('a page is asked what is on it: title, formats, subtitles, entries', patient, async (t) => {
    const [words, list, dash] = await Promise.all([
      probe(t, `${served.origin}/words.html`),
      probe(t, `${served.origin}/list.html`, { parameters: { name: '{number} {title}' } }),
      probe(t, `${served.origin}/dash/index.mpd`),
    ]);
    assert.deepEqual(
      words.files.map(({ path }) => path),
      ['A clip with words (1).mp4'],
    );
    assert.deepEqual(words.details?.subtitles, ['en', 'fr']);
    assert.match(String(words.details?.program), /^yt-dlp 20\d\d\./);
    assert.equal(list.name, 'Three clips');
    assert.deepEqual(
      list.files.map(({ path }) => path),
      [1, 2, 3].map((number) => `Three clips/${number} Three clips (${number}).mp4`),
    );
    const formats = dash.details?.formats as { height: number | null; videoCodec: string | null }[];
    assert.deepEqual(formats.map(({ height }) => height).sort(), [240, 480, null]);
  });

  test('picture and sound that are apart are put together, at the height that was chosen', patient, async (t) => {
    const link = `${served.origin}/dash/index.mpd`;
    const [best, low] = await Promise.all([
      run(t, link, { resolution: asOne('Best.mp4') }),
      run(t, link, { resolution: asOne('Low.mp4'), parameters: { quality: '360p', container: 'mkv' } }),
    ]);
    assert.deepEqual([...best.names, ...low.names], ['Best.mp4', 'Low.mkv']);
    const [found, foundLow] = [best, low].map(({ result }) => askFfprobe(result.files[0]?.diskPath ?? ''));
    assert.equal(found?.height, 480);
    assert.equal(foundLow?.height, 240);
    assert.deepEqual(foundLow?.codecs, ['aac', 'h264']);
    assert.equal(foundLow?.container, 'matroska,webm');
    assert.ok(Math.abs((found?.seconds ?? 0) - clipSeconds) < 0.5);
    assert.equal(best.result.files[0]?.sizeBytes, readFileSync(best.result.files[0]?.diskPath ?? '').length);
    assert.ok(best.result.facts.fetchedBytes > 10_000);
    const { doneBytes, sizeBytes } = best.state();
    assert.equal(doneBytes, sizeBytes);
  });

  test('an exact format, and sound alone', patient, async (t) => {
    const link = `${served.origin}/dash/index.mpd`;
    const formats = (await probe(t, link)).details?.formats as { id: string; height: number | null }[];
    const low = formats.find(({ height }) => height === 240)?.id ?? '';
    const [picture, sound] = await Promise.all([
      run(t, link, { resolution: asOne('A.mp4'), parameters: { format: low } }),
      run(t, link, { resolution: asOne('A.mp4'), parameters: { container: 'mp3' } }),
    ]);
    assert.deepEqual(askFfprobe(picture.result.files[0]?.diskPath ?? '').codecs, ['h264']);
    assert.deepEqual(sound.names, ['A.mp3']);
    assert.deepEqual(askFfprobe(sound.result.files[0]?.diskPath ?? '').codecs, ['mp3']);
    await assert.rejects(run(t, link, { resolution: asOne('A.mp4'), parameters: { format: 'no-such' } }), {
      code: 'unsupported',
    });
  });

  test('of a list only what was chosen comes, with subtitles beside it', patient, async (t) => {
    const link = `${served.origin}/list.html`;
    const parameters = { subtitles: 'en', thumbnail: 'file' };
    const resolution = await probe(t, link, { parameters });
    const { result, names } = await run(t, link, { resolution, parameters, selected: [1] });
    assert.deepEqual(
      names,
      ['mp4', 'en.vtt', 'jpg'].map((extension) => `Three clips/Three clips (2).${extension}`),
    );
    assert.deepEqual(
      result.files.map(({ index }) => index),
      [1, 3, 4],
    );
    for (const { index, path } of result.files) assert.equal(result.resolution.files[index]?.path, path);
    assert.match(readFileSync(result.files[1]?.diskPath ?? '', 'utf8'), /Hello en/);
  });

  test('HLS is recognised by its type and by its first bytes, DASH too, and lists of songs are not', () => {
    const seen = (mediaType: string | null, text = '') => ({ mediaType, name: null, firstBytes: Buffer.from(text) });
    assert.ok(media.recognises(seen('application/vnd.apple.mpegurl')));
    assert.ok(media.recognises(seen('application/dash+xml; charset=utf-8')));
    assert.ok(media.recognises(seen(null, '#EXTM3U\n#EXT-X-VERSION:3\n')));
    assert.ok(media.recognises(seen(null, '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">')));
    assert.ok(media.recognises({ ...seen('audio/mpegurl'), name: 'index.m3u8' }));
    assert.ok(!media.recognises(seen('audio/mpegurl')));
    assert.ok(!media.recognises(seen('audio/x-mpegurl', '#EXTM3U\n#EXTINF:123,Song\nsong.mp3\n')));
    assert.ok(!media.recognises(seen('text/html', '<html>')));
    assert.ok(!media.recognises(seen(null, '')));
  });

  test('cookies go to their site, and nothing of what was told is left', patient, async (t) => {
    const link = `${served.origin}/cookie/page.html`;
    const folder = tempFolder(t);
    const cookies = `127.0.0.1\tFALSE\t/cookie/\tFALSE\t0\tpass\tyes\nlocalhost\tFALSE\t/\tFALSE\t0\tother\tx\n`;
    await assert.rejects(run(t, link, { resolution: asOne('A.mp4') }), { code: 'refused' });
    const { names } = await run(t, link, { resolution: asOne('A.mp4'), request: { cookies }, folder });
    assert.deepEqual(names, ['A.mp4']);
    assert.deepEqual(readdirSync(folder).sort(), ['files', 'versions.json']);
  });

  const refusals = [
    ['nothing.html', 'not_found'],
    ['too-many', 'busy'],
    ['empty.html', 'unsupported'],
    ['en.vtt', 'unsupported'],
  ] as const;

  test('what a site refuses is told apart', patient, async (t) => {
    for (const [path, code] of refusals) {
      await assert.rejects(probe(t, `${served.origin}/${path}`), { name: 'FlotillaError', code }, path);
    }
  });

  test('a machine without yt-dlp, or with one that is too old, says what to do', patient, async (t) => {
    const link = 'http://127.0.0.1/page';
    await assert.rejects(probe(t, link, { settings: { ytDlp: '/nowhere/yt-dlp' } }), {
      code: 'tool_missing',
      message: /yt-dlp .*Install it/,
    });
    const old = join(tempFolder(t), 'yt-dlp');
    writeFileSync(old, '#!/bin/sh\necho "yt-dlp: error: no such option: --x" >&2\nexit 2\n', { mode: 0o755 });
    await assert.rejects(probe(t, link, { settings: { ytDlp: old } }), { code: 'tool_missing', message: /too old/ });
  });

  test('a machine without yt-dlp says that there might be more behind a page', async (t) => {
    const context = contextOf(t, undefined, { ytDlp: '/nowhere/yt-dlp' });
    const { kind, mightBe } = await detect(context, { link: new URL(`${served.origin}/page.html`), request: {} }, t.signal);
    assert.deepEqual([kind, mightBe], ['http', 'media']);
  });

  test('what only belongs to one site, and parameters that make no sense, are refused before anything runs', async (t) => {
    const link = 'http://127.0.0.1/page';
    const settings = { ytDlp: '/nowhere/yt-dlp' };
    const requests: RequestOptions[] = [
      { headers: [{ name: 'X-Key', value: 'secret' }] },
      { bearer: 'secret' },
      { user: { name: 'anna', password: 'secret' } },
    ];
    for (const request of requests) {
      await assert.rejects(probe(t, link, { request, settings }), { code: 'unsupported', message: /cookies/ });
    }
    const withLogin = probe(t, link.replace('//', '//anna:secret@'), { settings });
    await assert.rejects(withLogin, { code: 'unsupported', message: /cookies/ });
    const wrong = [
      { format: '22 --exec id' },
      { format: 'best[height<=5]' },
      { subtitles: 'en;id' },
      { extractorArguments: 'youtube:player_client=$(id)' },
      { quality: '1p' },
      { exec: 'id' },
      { sponsorBlock: true },
    ];
    for (const parameters of wrong) {
      await assert.rejects(probe(t, link, { parameters, settings }), { code: 'link_invalid' }, JSON.stringify(parameters));
    }
  });

  test('a page that leads to the machine itself or to its neighbours connects to none of them', patient, async (t) => {
    let connections = 0;
    const canary = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.2', resolve));
    releaseAfter(t, () => canary.close());
    const at = (host: string) => `http://${host}:${(canary.address() as AddressInfo).port}`;
    const { folder } = served;
    const allow = ['127.0.0.1/32'];
    writePage(join(folder, 'moved.html'), 'x', `<meta http-equiv="refresh" content="0; url=${at('127.0.0.2')}/">`);
    writePage(join(folder, 'embeds.html'), 'x', `<video src="${at('127.0.0.2')}/clip.mp4"></video>`);
    mkdirSync(join(folder, 'bad'));
    const segment = (link: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${link}\n#EXT-X-ENDLIST\n`;
    writeFileSync(join(folder, 'bad/segment.m3u8'), segment(`${at('127.0.0.2')}/1.ts`));
    writeFileSync(join(folder, 'bad/file.m3u8'), segment('file:///etc/passwd'));
    for (const path of ['moved.html', 'embeds.html', 'bad/segment.m3u8']) {
      await assert.rejects(
        run(t, `${served.origin}/${path}`, { allow, resolution: asOne('A.mp4') }),
        { code: 'address_refused' },
        path,
      );
    }
    await assert.rejects(run(t, `${at('127.0.0.2')}/page.html`, { allow }), { code: 'address_refused' });
    await assert.rejects(run(t, `${served.origin}/bad/file.m3u8`, { allow, resolution: asOne('A.mp4') }), {
      name: 'FlotillaError',
    });
    assert.equal(connections, 0);
    // It is there all the time.
    await assert.rejects(fetch(at('127.0.0.2')));
    assert.equal(connections, 1);
  });

  test('what would be fetched by rtmpdump, which goes past the gate, is not fetched', patient, async (t) => {
    const programs = tempFolder(t);
    const canary = join(programs, 'started');
    // Of ffmpeg nothing is there.
    symlinkSync('/usr/bin/python3', join(programs, 'python3'));
    writeFileSync(join(programs, 'rtmpdump'), `#!/bin/sh\n: > '${canary}'\nexit 1\n`, { mode: 0o755 });
    const smil = '<smil><head><meta base="rtmp://127.0.0.2/app"/></head><body><video src="mp4:clip.mp4"/></body></smil>';
    writeFileSync(join(served.folder, 'rtmp.smil'), smil);
    for (const searchPath of [programs, `${programs}:/usr/bin:/bin`]) {
      const ran = run(t, `${served.origin}/rtmp.smil`, { resolution: asOne('A.mp4'), searchPath });
      await assert.rejects(ran, { name: 'FlotillaError', code: 'truncated', message: /RTMP/ });
    }
    assert.ok(!existsSync(canary));
  });

  test('what would be fetched by a player, which goes past the gate, is not fetched', patient, async (t) => {
    const programs = tempFolder(t);
    const canary = join(programs, 'started');
    for (const player of ['mplayer', 'mpv']) {
      writeFileSync(join(programs, player), `#!/bin/sh\n: > '${canary}'\nexit 1\n`, { mode: 0o755 });
    }
    for (const scheme of ['rtsp', 'mms']) {
      const source = `<video><source src="${scheme}://127.0.0.2/clip.mp4" type="video/mp4"></video>`;
      writePage(join(served.folder, `${scheme}.html`), 'A clip', source);
      const searchPath = `${programs}:/usr/bin:/bin`;
      const ran = run(t, `${served.origin}/${scheme}.html`, { resolution: asOne('A.mp4'), searchPath });
      await assert.rejects(ran, { name: 'FlotillaError', code: 'truncated', message: /RTSP/ });
      assert.ok(!existsSync(canary), scheme);
    }
  });

  test('when it is stopped it goes on with what is there', patient, async (t) => {
    const folder = tempFolder(t);
    const link = `${served.origin}/page.html`;
    const stop = new AbortController();
    const job = run(t, link, {
      folder,
      resolution: asOne('A.mp4'),
      signal: stop.signal,
      limit: () => {
        const part = join(folder, 'files/1.mp4.part');
        if (existsSync(part) && readFileSync(part).length > 100_000) stop.abort(new Error('enough'));
        // All of it would take so long that nobody comes too late.
        return 40_000;
      },
    });
    await assert.rejects(job, { message: 'enough' });
    assert.deepEqual(processesIn(folder), []);
    const keptBytes = readFileSync(join(folder, 'files/1.mp4.part')).length;
    assert.ok(keptBytes > 100_000);
    const { result } = await run(t, link, { folder, resolution: asOne('A.mp4') });
    const clip = readFileSync(join(served.folder, 'clip.mp4'));
    assert.ok(readFileSync(result.files[0]?.diskPath ?? '').equals(clip), 'other bytes');
    assert.ok(result.facts.fetchedBytes < clip.length - keptBytes / 2, `${result.facts.fetchedBytes} bytes fetched again`);
    // Done again it fetches nothing of it.
    const again = await run(t, link, { folder, resolution: asOne('A.mp4') });
    assert.ok(again.result.facts.fetchedBytes < 20_000, `${again.result.facts.fetchedBytes}`);
  });

  test('what changed since it was begun is fetched from the start', patient, async (t) => {
    const folder = tempFolder(t);
    mkdirSync(join(folder, 'files'));
    writeFileSync(join(folder, 'files/1.mp4.part'), Buffer.alloc(1000, 7));
    writeFileSync(join(folder, 'versions.json'), JSON.stringify({ 1: 'another' }));
    const { result, notes } = await run(t, `${served.origin}/clip.mp4`, { folder, resolution: asOne('A.mp4') });
    assert.ok(notes.includes('restarted'));
    assert.ok(readFileSync(result.files[0]?.diskPath ?? '').equals(readFileSync(join(served.folder, 'clip.mp4'))));
  });

  test('a stream with a piece that is missing is no file', patient, async (t) => {
    const piece = (name: string) => `#EXTINF:1,\n${name}\n`;
    const pieces = ['index0.ts', 'none.ts', 'index2.ts'].map(piece).join('');
    writeFileSync(join(served.folder, 'hls/hole.m3u8'), `#EXTM3U\n#EXT-X-TARGETDURATION:2\n${pieces}#EXT-X-ENDLIST\n`);
    const folder = tempFolder(t);
    await assert.rejects(run(t, `${served.origin}/hls/hole.m3u8`, { folder, resolution: asOne('A.mp4') }), {
      name: 'FlotillaError',
      message: /fragment|404/,
    });
    assert.ok(!existsSync(join(folder, 'files/1.mp4')));
  });

  test('an authority of your own is trusted, and no other', patient, async (t) => {
    const { tlsOrigin, caPath } = await serveMedia(t, { tls: true });
    const link = `${tlsOrigin}/page.html`;
    await assert.rejects(probe(t, link), { code: 'tls_failed' });
    const { files } = await probe(t, link, { request: { ca: readFileSync(caPath ?? '', 'utf8') } });
    assert.deepEqual(
      files.map(({ path }) => path),
      ['A page with a clip (1).mp4'],
    );
  });

  test('more than is allowed is refused', patient, async (t) => {
    await assert.rejects(run(t, `${served.origin}/clip.mp4`, { resolution: asOne('A.mp4'), mostBytes: 50_000 }), {
      code: 'too_large',
    });
  });
});

/** Programs that were started for a folder: it is part of their home. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${folder}`);
      } catch {
        return false;
      }
    });
}
