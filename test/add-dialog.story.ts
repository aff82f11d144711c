/** The add dialog in a real browser: what was found behind links and files, and what is chosen of it. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { encode } from '#lib/bencode.ts';
import { startChromium } from '#testing/chromium.ts';
import { makeTorrent } from '#testing/make-torrent.ts';
import * as hands from '#testing/page-hands.ts';
import { serveFtp } from '#testing/serve-ftp.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { serveMedia, ytDlpPath } from '#testing/serve-media.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { tempFolder } from '#testing/temp.ts';

const body = sampleBytes(100_000, 5);

describe('the add dialog', { timeout: 600_000 }, () => {
  const scope = suiteScope();
  let folder: string;
  let files: HostileServer;
  let page: Page;
  let dialog: Locator;
  let origin: string;
  let complaints: string[];

  before(async () => {
    folder = tempFolder(scope);
    files = await serveHostile(scope, { body });
    const serving = await startServing(scope, { data: folder, env: { FLOTILLA_MEDIA_YT_DLP: ytDlpPath } });
    origin = serving.origin;
    ({ page, complaints } = await startChromium(scope, 30_000));
    dialog = page.getByRole('dialog');
    const code = /#claim=(\S+)/.exec(serving.process.stderr)?.[1];
    await page.goto(`${origin}/#claim=${code}`);
    await page.getByLabel('Name', { exact: true }).fill('anna');
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByText('Nothing here yet').waitFor();
  });

  const fileOf = (name: string, size = body.length) =>
    `<file name="${name}"><size>${size}</size><url>${files.url('plain', {}, 'x.bin').replaceAll('&', '&amp;')}</url></file>`;
  const metalink = (...entries: string[]) =>
    Buffer.from(`<metalink xmlns="urn:ietf:params:xml:ns:metalink">${entries.join('')}</metalink>`);
  const item = (name: string | RegExp) => dialog.getByRole('treeitem', { name });
  const delivered = () => readdirSync(join(folder, 'downloads'), { recursive: true, encoding: 'utf8' }).sort();

  async function untilFinished(name: string): Promise<void> {
    const row = page.getByRole('row', { name: new RegExp(name) });
    await row.getByText('Finished').waitFor();
  }

  test('a document is dropped, and of its files those are fetched that stay ticked', async () => {
    const names = ['set/one.bin', 'set/two.bin', 'set/deep/three.bin', 'other/four.bin'];
    await hands.dropFiles(page, [{ name: 'all.meta4', bytes: metalink(...names.map((name) => fileOf(name))) }]);
    await dialog.getByText('Metalink · 4 files · 391 KiB').waitFor();
    await hands.checkAxe(page, 'files to tick');
    await item(/^other/).click();
    await item(/^two\.bin/).click();
    await dialog.getByText('2 of 4 files · 195 KiB').waitFor();
    assert.equal(await item(/^set/).getAttribute('aria-checked'), 'mixed');
    await item(/^set/).locator('[data-fold]').click();
    assert.equal(await item(/^one\.bin/).count(), 0, 'a closed folder hides what is in it');
    await page.keyboard.press('Control+Enter');
    for (const name of ['one.bin', 'three.bin']) await untilFinished(name);
    const found = delivered().filter((name) => name.endsWith('.bin'));
    assert.deepEqual(found, ['set/deep/three.bin', 'set/one.bin']);
    assert.ok(readFileSync(join(folder, 'downloads', 'set/one.bin')).equals(body));
  });

  test('with the keyboard alone files are found and ticked', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `disc ${index % 2}/track ${index}.flac`);
    await hands.paste(page, metalink(...names.map((name) => fileOf(name))).toString());
    await dialog.getByText('Metalink · 40 files').waitFor();
    await dialog.getByLabel('Filter files').focus();
    await page.keyboard.press('Enter');
    await dialog.getByLabel('Links', { exact: true }).focus();
    await hands.tabTo(page, 'None');
    await page.keyboard.press('Space');
    await dialog.getByText('Tick at least one file.').waitFor();
    assert.ok(await dialog.getByRole('button', { name: 'Add 1', exact: true }).isDisabled());
    await dialog.getByLabel('Filter files').focus();
    await page.keyboard.insertText('track 2');
    await hands.tabTo(page, 'Files');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await dialog.getByText('1 of 40 files').first().waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Space');
    await dialog.getByText('2 of 40 files').first().waitFor();
    const ticked = await dialog.locator('[role=treeitem][aria-checked=true]').allInnerTexts();
    assert.deepEqual(
      ticked.map((text) => text.split('\n')[0]),
      ['track 2.flac', 'track 29.flac'],
    );
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('the links of a page, thousands of them, are chosen from like files', async () => {
    const listing = Buffer.from(
      `<html>${Array.from({ length: 9000 }, (_, index) => `<a href="/f/${index}.iso">${index}</a>`).join('\n')}</html>`,
    );
    const site = await serveHostile(scope, { body: listing, contentType: 'text/html' });
    await hands.paste(page, site.url('plain', {}, 'index.html'));
    await dialog.getByRole('button', { name: /^Options/ }).click();
    await dialog.getByLabel('Take it as').selectOption('links');
    await dialog.getByText('Links · 9,000 files').waitFor();
    assert.ok((await dialog.getByRole('treeitem').count()) < 60, 'only rows in sight are in the document');
    await dialog.getByRole('tree').focus();
    await page.keyboard.press('End');
    await item('8999.iso').waitFor();
    await dialog.getByLabel('Extensions').fill('zip');
    await dialog.getByLabel('Filter files').focus();
    await dialog.getByText(/No link of this page is one of those/).waitFor();
    await hands.checkAxe(page, 'a problem with options');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('shortcuts and lists become links of the field, and what holds nothing is told', async () => {
    const link = files.url('plain', {}, 'saved.bin');
    await hands.dropFiles(page, [
      { name: 'saved.url', bytes: Buffer.from(`[InternetShortcut]\r\nURL=${link}\r\n`) },
      { name: 'list.txt', bytes: Buffer.from(`# mine\n${link}&second\n`) },
      { name: 'photo.jpg', bytes: Buffer.from([0xff, 0xd8, 0xff, 0xe0]) },
    ]);
    await page.getByText('photo.jpg holds nothing that can be added').first().waitFor();
    assert.equal(await dialog.getByLabel('Links', { exact: true }).inputValue(), `${link}\n# mine\n${link}&second\n`.trim());
    await dialog.getByRole('button', { name: 'Add 2' }).click();
    await page
      .getByRole('row', { name: /saved\.bin/ })
      .nth(1)
      .waitFor();
  });

  test('a look that takes long can be given up, and the link added all the same', async () => {
    const slow = files.url('plain', { latencyMs: 60_000 }, 'slow.bin');
    await hands.paste(page, slow);
    await dialog.getByText('Still looking; you can add it now.').waitFor();
    await hands.checkAxe(page, 'still looking');
    await dialog.getByRole('button', { name: 'Stop looking' }).click();
    await dialog.getByText('Not looked at; you can add it all the same.').waitFor();
    await dialog.getByRole('button', { name: 'Add paused' }).click();
    await page.getByRole('row', { name: /slow\.bin/ }).waitFor();
  });

  test('those that wait for their turn are looked at when the others are stopped', async () => {
    const slow = [1, 2, 3, 4].map((number) => files.url('plain', { latencyMs: 60_000 }, `slow${number}.bin`));
    await hands.paste(page, [...slow, files.url('plain', {}, 'quick.bin')].join('\n'));
    for (const _ of slow) await dialog.getByRole('button', { name: 'Stop looking' }).first().click();
    await dialog.getByText('Web · 97.7 KiB').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('a folder on an FTP server is chosen from, asked in its own way, and its files are told one by one', async () => {
    const ftp = await serveFtp(scope);
    const deep = join(ftp.folder, 'set', 'deep');
    mkdirSync(deep, { recursive: true });
    for (const name of ['a.bin', 'b.bin']) writeFileSync(join(ftp.folder, 'set', name), body);
    writeFileSync(join(deep, 'c.bin'), body);
    await hands.paste(page, `ftp://${ftp.user.name}:${ftp.user.password}@127.0.0.1:${ftp.port}/set/`);
    await dialog.getByText('FTP · 3 files · 293 KiB').waitFor();
    assert.equal(await dialog.getByLabel('Data connections').inputValue(), 'passive');
    await dialog.getByLabel('TLS').selectOption('never');
    await item(/^b\.bin/).click();
    await dialog.getByText('2 of 3 files · 195 KiB').waitFor();
    await hands.checkAxe(page, 'a folder with parameters');
    const asked = page.waitForRequest((request) => request.method() === 'POST' && /\/downloads$/.test(request.url()));
    await page.keyboard.press('Control+Enter');
    const { parameters, files: chosen } = (await asked).postDataJSON();
    assert.deepEqual([parameters, chosen], [{ tls: 'never' }, '0,2']);
    const row = page.getByRole('row', { name: /^set|set/ }).first();
    await row.getByText('Finished').waitFor();
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Files' }).click();
    const list = page.getByRole('region', { name: 'Files' }).getByRole('listitem');
    await list.nth(1).waitFor();
    assert.equal(await list.count(), 2);
    await hands.checkAxe(page, 'files of a download');
    await page.keyboard.press('Escape');
    const found = delivered().filter((name) => name.endsWith('.bin') && /set.*[abc]\.bin/.test(name));
    assert.equal(found.filter((name) => /[ac]\.bin$/.test(name)).length, 2, found.join());
    assert.equal(found.filter((name) => /b\.bin$/.test(name)).length, 0, found.join());
  });

  test('torrents are dropped, several at once, and each is chosen from by itself', async () => {
    const torrent = (name: string) =>
      encode(
        makeTorrent({
          name,
          files: ['one.txt', 'two.txt', 'three.txt'].map((file) => ({ path: [file], bytes: Buffer.alloc(1000, file) })),
        }),
      );
    await hands.dropFiles(page, [
      { name: 'a.torrent', bytes: torrent('first set') },
      { name: 'b.torrent', bytes: torrent('second set') },
    ]);
    await dialog.getByText('BitTorrent · 3 files').nth(1).waitFor();
    await dialog.getByRole('button', { name: 'Leave b.torrent out' }).click();
    await dialog.getByText('second set').waitFor({ state: 'hidden' });
    await item(/^two\.txt/).click();
    await dialog.getByText('2 of 3 files').first().waitFor();
    await hands.checkAxe(page, 'a torrent');
    const asked = page.waitForRequest((request) => request.method() === 'POST' && /\/downloads$/.test(request.url()));
    await dialog.getByRole('button', { name: 'Add paused' }).click();
    const { files: chosen, document } = (await asked).postDataJSON();
    assert.deepEqual([chosen, Buffer.from(document, 'base64').equals(torrent('first set'))], ['0,2', true]);
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('row').getByText('Paused').first().waitFor();
  });

  test('what was taken is gone from the dialog when the rest fails, and an answer that was lost adds nothing twice', async () => {
    const torrent = (name: string) => encode(makeTorrent({ name, files: [{ path: ['one.txt'], bytes: Buffer.from(name) }] }));
    const countAll = async () => (await (await page.request.get(`${origin}/api/v1/downloads`)).json()).counts.all as number;
    const before = await countAll();
    const link = files.url('plain', {}, 'beside.bin');
    await hands.dropFiles(page, [
      { name: 'c.torrent', bytes: torrent('third set') },
      { name: 'd.torrent', bytes: torrent('fourth set') },
    ]);
    await dialog.getByLabel('Links', { exact: true }).fill(link);
    await dialog
      .getByText(/^BitTorrent/)
      .nth(1)
      .waitFor();
    // The second answer and the fourth are lost on their way back.
    let answers = 0;
    await page.route(/\/downloads(\/batch)?$/, async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      const response = await route.fetch();
      return [2, 4].includes(++answers) ? route.abort() : route.fulfill({ response });
    });
    const addPaused = dialog.getByRole('button', { name: 'Add paused' });
    await addPaused.click();
    await dialog.getByRole('alert').waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Leave c.torrent out' }).count(), 0);
    await dialog.getByRole('button', { name: 'Leave d.torrent out' }).waitFor();
    await addPaused.click();
    await dialog.getByRole('button', { name: 'Leave d.torrent out' }).waitFor({ state: 'hidden' });
    await dialog.getByRole('alert').waitFor();
    await addPaused.click();
    await dialog.waitFor({ state: 'hidden' });
    await page.unrouteAll();
    assert.equal(await countAll(), before + 3);
  });

  test('the entries of a video page are chosen from, and asked for as its options say', async () => {
    const nginx = await serveMedia(scope);
    await hands.paste(page, `${nginx.origin}/list.html`);
    await dialog.getByText(/^Video or audio page · 3 files/).waitFor({ timeout: 90_000 });
    // The first row is the folder of the list.
    await dialog.getByRole('treeitem').nth(1).click();
    await dialog.getByText('2 of 3 files').first().waitFor();
    await dialog.getByLabel('Quality').selectOption('sound alone');
    await dialog.getByLabel('Kind of file').selectOption('mp3');
    await hands.checkAxe(page, 'a video page');
    const asked = page.waitForRequest((request) => request.method() === 'POST' && /\/downloads$/.test(request.url()));
    await dialog.getByRole('button', { name: 'Add paused' }).click();
    const { parameters, files: chosen } = (await asked).postDataJSON();
    assert.deepEqual([parameters, chosen], [{ quality: 'audio', container: 'mp3' }, '1-2']);
    await dialog.waitFor({ state: 'hidden' });
  });

  test('on a phone everything is there, and nothing is cut off', async () => {
    await page.setViewportSize({ width: 390, height: 800 });
    const names = Array.from({ length: 30 }, (_, index) => `a folder with a long name/file number ${index} of many.bin`);
    await hands.dropFiles(page, [{ name: 'phone.meta4', bytes: metalink(...names.map((name) => fileOf(name))) }]);
    await dialog.getByText('Metalink · 30 files').waitFor();
    await hands.checkAxe(page, 'files to tick on a phone');
    assert.equal(await dialog.evaluate((element) => element.scrollWidth - element.clientWidth), 0);
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 1366, height: 800 });
  });

  test('nothing complained', () => assert.deepEqual(complaints, []));
});
