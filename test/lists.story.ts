/** Lists of links, saved shortcuts and pages: each link of them is a download of its own. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { namesIn } from '#testing/fetch-into.ts';
import { runGet as get, launcher, startPlainly, untilEnd } from '#testing/run-get.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing, untilState } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';

const body = sampleBytes(50_000, 8);

describe('lists', { concurrency: 2 }, () => {
  const scope = suiteScope();
  let files: HostileServer;
  let pageUrl: string;
  before(async () => {
    files = await serveHostile(scope, { body });
    const href = (name: string) => files.url('plain', {}, name).replaceAll('&', '&amp;');
    const page = `<!doctype html><title>Files</title><script>location = "/gone.bin"</script>
      <a href="?order=name">name</a><a href="../">up</a><a href="about.html">about</a><a href="mailto:a@example.org">mail</a>
      <a href="${href('one.bin')}">1</a><a href="${href('two.iso')}">2</a><a href="${href('three.bin')}">3</a>`;
    const site = await serveHostile(scope, { body: Buffer.from(page), contentType: 'text/html' });
    pageUrl = site.url('plain', {}, 'index.html');
  });
  const isWhole = (folder: string, name: string) => readFileSync(join(folder, name)).equals(body);

  test('the links of a page are fetched when that is asked for, and else the page', async (t) => {
    const folder = tempFolder(t);
    const ran = await get(t, folder, '--as', 'links', pageUrl);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder).sort(), ['one.bin', 'three.bin', 'two.iso']);
    assert.ok(isWhole(folder, 'two.iso'));
    const plain = await get(t, folder, pageUrl);
    assert.equal(plain.code, 0, plain.stderr);
    assert.ok(namesIn(folder).includes('index.html'));
  });

  test('of the links of a page some are chosen, by extension or by number', async (t) => {
    const [byExtension, byNumber] = [tempFolder(t), tempFolder(t)];
    const first = await get(t, byExtension, '--as', 'links', '--set', 'extensions=bin', pageUrl);
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(namesIn(byExtension).sort(), ['one.bin', 'three.bin']);
    const second = await get(t, byNumber, '--as', 'links', '--files', '1', pageUrl);
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(namesIn(byNumber), ['two.iso']);
    const none = await get(t, byNumber, '--as', 'links', '--set', 'extensions=flac', pageUrl);
    assert.equal(none.code, 6);
    assert.match(none.stderr, /No link of this page is one of those that were asked for/);
  });

  test('shortcuts of all desktops, from the disk or behind a link, lead to what they are for', async (t) => {
    const folder = tempFolder(t);
    const saved = tempFolder(t);
    const link = (name: string) => files.url('plain', {}, name);
    writeFileSync(join(saved, 'a.url'), `[InternetShortcut]\r\nURL=${link('windows.bin')}\r\n`);
    writeFileSync(join(saved, 'b.desktop'), `[Desktop Entry]\nType=Link\nURL=${link('linux.bin')}\n`);
    const plist = `<plist version="1.0"><dict><key>URL</key><string>${link('mac.bin').replaceAll('&', '&amp;')}</string></dict></plist>`;
    const site = await serveHostile(t, { body: Buffer.from(plist) });
    const ran = await get(t, folder, join(saved, 'a.url'), site.url('plain', {}, 'c.webloc'));
    assert.equal(ran.code, 0, ran.stderr);
    const shut = await get(t, folder, '--as', 'links', join(saved, 'b.desktop'));
    assert.equal(shut.code, 6, 'nobody typed where it leads: it passes the gate like any other');
    const args = ['get', '-d', folder, '--as', 'links', join(saved, 'b.desktop')];
    const other = await untilEnd(await startPlainly(t, args, launcher, { FLOTILLA_NET_ALLOW: '127.0.0.0/8' }));
    assert.equal(other.code, 0, other.stderr);
    assert.deepEqual(namesIn(folder).sort(), ['linux.bin', 'mac.bin', 'windows.bin']);
  });

  test('probe tells what a list, a page or a Metalink document leads to, and fetches nothing of it', async (t) => {
    const folder = tempFolder(t);
    const probe = async (...args: string[]) => {
      const ran = await untilEnd(await startPlainly(t, ['probe', '--json', ...args]));
      assert.equal(ran.code, 0, ran.stderr);
      const { kind, files: found } = JSON.parse(ran.stdout);
      return [kind, found.map(({ path }: { path: string }) => path)];
    };
    assert.deepEqual(await probe('--as', 'links', pageUrl), ['links', ['one.bin', 'two.iso', 'three.bin']]);
    const list = join(folder, 'list.txt');
    writeFileSync(list, '# some\nhttps://example.org/a.iso https://example.org/b.iso\n');
    assert.deepEqual(await probe('--as', 'links', list), ['links', ['a.iso', 'b.iso']]);
    const document =
      '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="d/x"><url>https://example.org/x</url></file></metalink>';
    writeFileSync(join(folder, 'a.meta4'), document);
    assert.deepEqual(await probe(join(folder, 'a.meta4')), ['metalink', ['d/x']]);
    const site = await serveHostile(t, { body: Buffer.from(document), contentType: 'application/metalink4+xml' });
    assert.deepEqual(await probe(site.url('plain', {}, 'any')), ['metalink', ['d/x']]);
  });

  test('the server takes the links of a page as downloads, those that were chosen', async (t) => {
    const { client, downloads } = await startServing(t);
    const asked = { url: pageUrl, as: 'links', parameters: { extensions: 'bin, iso' } };
    const look = await client.probeLink({ body: { ...asked, waitSeconds: 30 } });
    assert.ok('files' in look);
    assert.deepEqual(
      look.files.map(({ path }) => path),
      ['one.bin', 'two.iso', 'three.bin'],
    );
    const { id } = await client.addDownload({ body: { ...asked, files: '1-2' } });
    const listed = async () => (await client.listDownloads()).items.map(({ state }) => state);
    await until(async () => (await listed()).join() === 'completed,completed', 'both are fetched');
    assert.deepEqual(namesIn(downloads).sort(), ['three.bin', 'two.iso']);
    const timeline = await client.listDownloadEvents({ params: { id } });
    assert.ok(timeline.some(({ message }) => /a document that lists 2 files/.test(message)));
    const refused = await client.addDownload({ body: { ...asked, parameters: { extensions: '<' } } });
    const { failure } = await untilState({ client }, refused.id, 'failed');
    assert.match(failure?.message ?? '', /Extensions look like iso, zip/);
  });
});
