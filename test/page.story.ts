/** The page in a real browser: claim, paste, watch it come, find it done, open it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { startChromium } from '#testing/chromium.ts';
import * as hands from '#testing/page-hands.ts';
import { type StartedProcess, startProcess } from '#testing/process.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { startServing } from '#testing/serving.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { tempFolder } from '#testing/temp.ts';

const root = join(import.meta.dirname, '..');
const password = 'correct horse battery';
const body = sampleBytes(6_000_000, 3);

describe('the page', { timeout: 600_000 }, () => {
  const scope = suiteScope();
  let folder: string;
  let server: StartedProcess;
  let files: HostileServer;
  let context: BrowserContext;
  let page: Page;
  let origin: string;
  let complaints: string[];
  const checkAxe = (screen: string) => hands.checkAxe(page, screen);
  const tabTo = (name: string) => hands.tabTo(page, name);
  const paste = (text: string) => hands.paste(page, text);

  before(async () => {
    folder = tempFolder(scope);
    files = await serveHostile(scope, { body });
    // Nobody is let in by a token: the page has to claim the instance.
    const serving = await startServing(scope, { data: folder, env: { FLOTILLA_BOOTSTRAP_TOKEN: undefined } });
    server = serving.process;
    origin = serving.origin;
    ({ context, page, complaints } = await startChromium(scope, 15_000));
  });

  test('the one-time code in the link claims the instance', async () => {
    const code = /#claim=(\S+)/.exec(server.stderr)?.[1];
    assert.ok(code, 'the server printed a code');
    await page.goto(`${origin}/#claim=${code}`);
    await checkAxe('claim');
    assert.equal(await page.getByLabel('Code').inputValue(), code);
    await page.getByLabel('Name', { exact: true }).fill('anna');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
    await page.getByText('Nothing here yet').waitFor();
    assert.doesNotMatch(page.url(), /claim/, 'the code is gone from the address');
    await checkAxe('empty list');
  });

  test('the code works once', async () => {
    const code = /#claim=(\S+)/.exec(server.stderr)?.[1];
    const answer = await fetch(`${origin}/api/v1/claim`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code, name: 'eve', password: 'another long password' }),
    });
    assert.ok(answer.status >= 400, String(answer.status));
  });

  test('a pasted link is detected, added, watched and done, and the file opens', async () => {
    const link = files.url('plain', { bytesPerSecond: 400_000 }, 'holiday film.bin');
    await paste(link);
    const dialog = page.getByRole('dialog');
    await dialog.getByText('holiday film.bin').waitFor();
    await dialog.getByText('5.72 MiB').waitFor();
    await dialog.getByText('resumable').waitFor();
    await checkAxe('add dialog');
    await page.keyboard.press('Control+Enter');
    const row = page.getByRole('row', { name: /holiday film\.bin/ });
    await row.getByText(/\d+(\.\d+)?%/).waitFor();
    await row.getByText('Downloading').waitFor();
    const shares = await sampleShares(row.getByText(/\d+(\.\d+)?%/));
    assert.ok((shares.at(-1) ?? 0) > (shares[0] ?? 0), `it moves: ${shares}`);
    await checkAxe('live list');
    await row.getByText('Finished').waitFor({ timeout: 30_000 });

    await row.getByText('holiday film.bin').click();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Overview' }).waitFor();
    await checkAxe('details');
    await page.getByRole('tab', { name: 'Timeline' }).click();
    await page.getByText('Completed.').first().waitFor();
    await checkAxe('timeline');
    await page.getByRole('tab', { name: 'Files' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save' }).first().click();
    const path = await (await download).path();
    assert.ok(readFileSync(path).equals(body), 'the file that the page gives is the file');
    assert.ok(readFileSync(join(folder, 'downloads', 'holiday film.bin')).equals(body), 'and it lies at the destination');
  });

  test('a link that leads nowhere fails in its row, with the reason', async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('a');
    await page
      .getByRole('dialog')
      .getByLabel('Links')
      .fill(files.url('404', {}, 'missing.bin'));
    await page.keyboard.press('Control+Enter');
    await page
      .getByRole('row', { name: /missing\.bin/ })
      .getByText(/not found/i)
      .waitFor();
  });

  test('with the keyboard alone: add, limit, pause, remove, undo', async () => {
    await page.keyboard.press('a');
    await page.keyboard.insertText(files.url('plain', { bytesPerSecond: 50_000 }, 'slow.bin'));
    await page.keyboard.press('Control+Enter');
    const row = page.getByRole('row', { name: /slow\.bin/ });
    await row.getByText('Downloading').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByLabel('Speed limit').fill('0.02');
    await page.keyboard.press('Enter');
    await untilKept('/downloads', ({ items }: { items: { limitBytesPerSecond: number | null }[] }) =>
      items.some(({ limitBytesPerSecond }) => limitBytesPerSecond === 20_972),
    );
    await row.focus();
    await page.keyboard.press('p');
    await row.getByText('Paused').waitFor();
    await page.keyboard.press('Delete');
    await row.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    // The key, not the button: the list takes the focus of the row that went to its neighbour, and may do so just now.
    await page.keyboard.press('Control+z');
    await row.getByText('Paused').waitFor().catch(tellWhatIsSeen);
  });

  test('with the keyboard alone: a link that needs a login is asked for with it, and nobody sees it again', async () => {
    await page.keyboard.press('a');
    const link = files.url('digest-login', { user: 'otto', password: 'hidden word' }, 'locked.bin');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Links').waitFor();
    await page.keyboard.insertText(link);
    await dialog.getByText(/wants a user name and a password/).waitFor();
    await tabTo('Request');
    await page.keyboard.press('Enter');
    await tabTo('Login');
    await page.keyboard.press('U');
    await tabTo('User');
    await page.keyboard.insertText('otto');
    await tabTo('Password');
    await page.keyboard.insertText('hidden word');
    await tabTo('Headers');
    await page.keyboard.insertText('X-Key: hidden key');
    await checkAxe('request');
    await page.setViewportSize({ width: 390, height: 800 });
    await checkAxe('request on a phone');
    const width = await dialog.evaluate((element) => element.scrollWidth - element.clientWidth);
    assert.equal(width, 0, 'nothing is cut off at the side');
    const bottom = await dialog.evaluate((element) => Math.round(element.getBoundingClientRect().bottom));
    assert.equal(bottom, 800, 'it stands at the lower edge, under the thumb');
    await page.setViewportSize({ width: 1366, height: 800 });
    await dialog.getByText('resumable').waitFor();
    await page.keyboard.press('Control+Enter');
    const row = page.getByRole('row', { name: /locked\.bin/ });
    await row.getByText('Finished').waitFor({ timeout: 30_000 });
    assert.ok(files.requestsOf(link).some(({ headers }) => headers['x-key'] === 'hidden key'));
    const listed = await (await context.request.get(`${origin}/api/v1/downloads`)).text();
    assert.doesNotMatch(listed.replaceAll(/"link":"[^"]*"/g, ''), /hidden/);
  });

  test('a dead link comes from the mirrors that were given', async () => {
    await page.keyboard.press('a');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Links').fill(files.url('404', {}, 'mirrored.bin'));
    await dialog.getByRole('button', { name: 'More' }).click();
    await dialog.getByLabel('Mirrors').fill(files.url('plain', {}, 'mirrored.bin'));
    await page.keyboard.press('Control+Enter');
    const row = page.getByRole('row', { name: /mirrored\.bin/ });
    await row.getByText('Finished').waitFor({ timeout: 30_000 });
  });

  test('a Metalink document that is dropped or pasted becomes the files it lists', async () => {
    const file = (name: string) => `<file name="${name}"><url>${files.url('plain', {}, name)}</url></file>`;
    const document = (...names: string[]) =>
      `<metalink xmlns="urn:ietf:params:xml:ns:metalink">${names.map(file).join('')}</metalink>`;
    await hands.dropFiles(page, [{ name: 'list.meta4', bytes: Buffer.from(document('one.bin', 'two.bin')) }]);
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Metalink · 2 files').waitFor();
    await checkAxe('add dialog with a document');
    await page.keyboard.press('Control+Enter');
    for (const name of ['one.bin', 'two.bin']) {
      const row = page.getByRole('row', { name: new RegExp(name) });
      await row.getByText('Finished').waitFor({ timeout: 30_000 });
    }
    await paste(document('three.bin'));
    await dialog.getByText('Metalink').waitFor();
    await dialog.getByRole('button', { name: 'Leave Pasted text out' }).click();
    await dialog.getByText('Pasted text').waitFor({ state: 'hidden' });
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
  });

  test('proxies by host are lines of text in the settings, with their passwords hidden', async () => {
    await page.goto(`${origin}/settings`);
    const field = page.getByLabel('Proxies by host');
    await field.fill('nowhere.example');
    await page.getByText('A line has a host and a proxy').waitFor();
    await field.fill('nowhere.example http://anna:hidden@proxy.example:3128\n*.other.example direct');
    await field.blur();
    await page.getByText('nowhere.example http://anna:***@proxy.example:3128').waitFor();
    await checkAxe('settings with proxies');
    await page.goto(origin);
  });

  test('what was done is told in numbers and tables, and the log of a download tells how', async () => {
    await page.goto(origin);
    await page.getByRole('main').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    await page.getByRole('heading', { name: 'Stats' }).waitFor();
    await page.getByRole('link', { name: 'Today' }).press('Enter');
    assert.match(page.url(), /\/stats\?period=today$/);
    const hosts = page.getByRole('region', { name: 'By host' });
    await hosts.getByRole('row', { name: /127\.0\.0\.1/ }).waitFor();
    const failures = page.getByRole('region', { name: 'Why it failed' });
    await failures.getByRole('row', { name: /^not found/ }).waitFor();
    await page.getByRole('link', { name: '30 days' }).press('Enter');
    const graph = page.getByRole('figure').filter({ hasText: 'Downloads each day' });
    await graph.getByText('As a table').press('Enter');
    assert.equal(await graph.getByRole('row').count(), 31);
    await checkAxe('stats with a table');

    await page.goto(`${origin}/?filter=finished`);
    const row = page.getByRole('row').filter({ hasText: 'Finished' }).first();
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Log' }).click();
    const log = page.getByRole('tabpanel', { name: 'Log' });
    await log
      .getByText(/: is opened$/)
      .first()
      .waitFor();
    await log.getByLabel('Only lines with').fill('delivered and PROVEN');
    await log.getByRole('listitem').filter({ hasText: 'Delivered and proven' }).waitFor();
    assert.equal(await log.getByRole('listitem').count(), 1);
    await log.getByLabel('Only lines with').fill('');
    const all = await log.getByRole('listitem').count();
    await log.getByLabel('Show').selectOption('No details');
    assert.ok((await log.getByRole('listitem').count()) < all);
    await checkAxe('log');

    const lines = await log.getByRole('listitem').count();
    const body = JSON.stringify({ title: 'Away', status: 404, code: 'away', detail: 'It is away.' });
    await page.route(/\/log$/, (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body }));
    const refused = page.waitForResponse(/\/log$/);
    const id = new URL(page.url()).searchParams.get('id');
    const change = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"priority":1}' };
    await page.evaluate(`fetch('/api/v1/downloads/${id}', ${JSON.stringify(change)}).then(() => {})`);
    await refused;
    await page.waitForTimeout(200);
    assert.equal(await log.getByRole('listitem').count(), lines, 'what was read stays when it cannot be read again');
    await page.unroute(/\/log$/);
  });

  test('history, settings and the phone layout have no accessibility violation in either theme', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1366, 390]) {
        await page.setViewportSize({ width, height: 800 });
        for (const path of [
          '/',
          '/workers',
          '/stats',
          '/history',
          '/history?trash=true',
          '/settings',
          '/settings/limits',
          '/settings/stages',
        ]) {
          await page.goto(origin + path);
          await page.getByRole('main').waitFor();
          await page.waitForTimeout(300);
          await checkAxe(`${path} ${colorScheme} ${width}`);
        }
      }
    }
    await page.setViewportSize({ width: 1366, height: 800 });
  });

  test('in the longest of its languages nothing is wider than a phone', async () => {
    // A small phone, or a page of 1280 at four times its size (WCAG 1.4.10).
    await page.setViewportSize({ width: 320, height: 640 });
    const preferences = await page.evaluate(`localStorage.getItem('flotilla.preferences')`);
    await page.evaluate(`localStorage.setItem('flotilla.preferences', '{"language":"ru"}')`);
    for (const path of ['/', '/workers', '/stats', '/history', '/history?trash=true', '/settings', '/settings/limits']) {
      await page.goto(origin + path);
      await page.locator('h1').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(300);
      // What scrolls by itself may go on beyond its edge.
      const beyond = await page.evaluate(`[...document.querySelectorAll('button, h1, p')].filter((one) => {
        return one.getBoundingClientRect().right > innerWidth && !one.closest('nav, .overflow-x-auto, .sr-only');
      }).map((one) => one.textContent)`);
      assert.deepEqual([await page.evaluate('document.documentElement.scrollWidth'), beyond], [320, []], path);
    }
    await page.goto(`${origin}/settings/appearance`);
    const tab = page.locator('.tab[aria-current="page"]');
    await tab.waitFor();
    const edges = await tab.boundingBox();
    assert.ok(edges !== null && edges.x >= 0 && edges.x + edges.width <= 320, 'where one is can be seen');
    await page.setViewportSize({ width: 1366, height: 800 });
    await page.evaluate(`localStorage.setItem('flotilla.preferences', '{"language":"fr"}')`);
    await page.goto(origin);
    await page.getByRole('link', { name: /^Téléchargements/ }).waitFor();
    const room = await page.evaluate(`{
      const navigation = document.querySelector('nav');
      navigation.querySelector('a > span:last-child').textContent = '100\u202f232';
      navigation.clientWidth - navigation.scrollWidth;
    }`);
    assert.equal(room, 0, 'a count of six digits fits beside its word');
    await page.evaluate(`localStorage.setItem('flotilla.preferences', ${JSON.stringify(preferences ?? '{}')})`);
  });

  test('limits, rules of hosts and the timetable are set with the keyboard alone', async () => {
    await page.goto(`${origin}/settings/limits`);
    await page.getByLabel('All downloads together').fill('2,5');
    await page.keyboard.press('Enter');
    await untilSettings(({ limitBytesPerSecond }) => limitBytesPerSecond === 2.5 * 1024 ** 2);

    await page.getByLabel('Host', { exact: true }).fill('*.Example.org');
    await page.keyboard.press('Enter');
    const rule = page.getByRole('group', { name: '*.example.org' });
    await rule.getByLabel('Connections at once').fill('3');
    await page.keyboard.press('Tab');
    const wanted = { host: '*.example.org', bytesPerSecond: null, connections: 3, downloads: null };
    await untilSettings(({ hostRules }) => JSON.stringify(hostRules) === JSON.stringify([wanted]));

    await page.getByRole('radio', { name: 'Stopped' }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Monday 08:00: Full speed' }).focus();
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Wednesday 09:00: Stopped' }).waitFor();
    await untilSettings(({ timetable }) => stoppedIn(timetable) === '0 8, 1 8, 1 9, 2 9');
    await page.getByRole('button', { name: 'Sun: paint all of Sunday' }).press('Enter');
    await untilSettings(({ timetable }) => timetable?.[6]?.every((speed) => speed === 'stopped') ?? false);
    await page.getByText('Time zone of the server').waitFor();
  });

  test('a mouse paints the hours between two of them, and what is full throughout is no timetable', async () => {
    await page.getByRole('radio', { name: 'Full speed' }).check();
    const corner = (name: RegExp) => page.getByRole('button', { name });
    await corner(/^Monday 00:00/).hover();
    await page.mouse.down();
    await corner(/^Thursday 12:00/).hover();
    await corner(/^Sunday 23:00/).hover();
    await page.mouse.up();
    await untilSettings(({ timetable }) => timetable === null);
    await page.getByLabel('All downloads together').fill('');
    await page.keyboard.press('Enter');
    await untilSettings(({ limitBytesPerSecond }) => limitBytesPerSecond === null);
  });

  test('a machine joins with the one command that the page shows, and is looked after with the keyboard alone', async () => {
    await page.goto(origin);
    await page.getByRole('main').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('k');
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
    await page.getByRole('button', { name: 'Add worker' }).press('Enter');
    const dialog = page.getByRole('dialog');
    const command = await dialog.getByLabel('Run this on the other machine').inputValue();
    assert.ok(command.startsWith(`flotilla worker --join ${origin} --key fj_`), command);
    await dialog.getByText('Waiting for the machine…').waitFor();
    await checkAxe('add worker');
    const args = command.replace('flotilla ', '').split(' ');
    const more = ['--data', tempFolder(scope), '--name', 'attic', '--labels', 'vpn'];
    const worker = await startProcess(scope, join(root, 'flotilla'), [...args, ...more], { ready: /^ready worker attic$/m });
    await dialog.getByText('attic has joined.').waitFor();
    await checkAxe('worker has joined');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });

    const row = page.getByRole('row', { name: /attic/ });
    await row.getByText('0 of 16').waitFor();
    await row.getByText('vpn').waitFor();
    await row.getByRole('link', { name: 'attic' }).press('Enter');
    assert.match(page.url(), /\/workers\?id=/);
    await dialog.getByLabel('Labels').fill('geo:fr, vpn');
    await page.keyboard.press('Enter');
    // The next field is shown anew when this one is kept.
    const hasLabels = ({ name, labels }: Machine) => name === 'attic' && labels.join() === 'geo:fr,vpn';
    await untilKept('/workers', (workers: Machine[]) => workers.some(hasLabels));
    await dialog.getByLabel('Most downloads at once').fill('3');
    await page.keyboard.press('Enter');
    const isKept = ({ name, labels, maxFetches }: Machine) =>
      name === 'attic' && labels.join() === 'geo:fr,vpn' && maxFetches === 3;
    await untilKept('/workers', (workers: Machine[]) => workers.some(isKept));
    await dialog.getByRole('button', { name: 'Drain' }).press('Enter');
    await dialog.getByText('drained').waitFor();
    await dialog.getByRole('button', { name: 'Resume' }).press('Enter');
    await dialog.getByText('0 of 3').waitFor();
    await checkAxe('worker');
    await page.setViewportSize({ width: 390, height: 800 });
    await checkAxe('worker on a phone');
    await page.setViewportSize({ width: 1366, height: 800 });
    await dialog.getByRole('button', { name: 'Remove' }).press('Enter');
    await page.getByRole('alertdialog').getByText('is refused from now on').waitFor();
    await page.keyboard.press('Enter');
    await row.waitFor({ state: 'detached' });
    assert.equal((await worker.exited).code, 4);
  });

  test('stages are added, put in order and tried on a link with the keyboard alone', async () => {
    await page.goto(`${origin}/settings/stages`);
    for (const [name, agent] of [
      ['Phone', 'Phone/1'],
      ['Browser', 'Browser/1'],
    ] as const) {
      await page.getByRole('button', { name: 'Add a stage' }).press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill(name);
      await dialog.getByLabel('Host', { exact: true }).fill('127.0.0.1');
      await dialog.getByLabel('User agent').fill(agent);
      if (name === 'Phone') await checkAxe('stage dialog');
      await dialog.getByLabel('Headers').fill('X-Key: hidden key');
      await page.keyboard.press('Tab');
      await dialog.getByRole('button', { name: 'Save' }).press('Enter');
      await dialog.waitFor({ state: 'hidden' });
    }
    const orderIs = (wanted: string) =>
      untilKept('/settings', ({ stages }: { stages: { name: string }[] }) => stages.map(({ name }) => name).join() === wanted);
    await orderIs('Phone,Browser');
    await page.getByRole('button', { name: /^Change stage Browser/ }).focus();
    await page.keyboard.press('Alt+ArrowUp');
    await orderIs('Browser,Phone');
    await page.keyboard.press('Alt+ArrowDown');
    await orderIs('Phone,Browser');
    assert.match(await page.evaluate('document.activeElement?.ariaLabel'), /Browser/, 'what moves keeps the focus');
    await page.getByLabel('Try a link').fill(files.url('plain'));
    await page.keyboard.press('Enter');
    const found = page.getByRole('region', { name: 'Show the stages' }).getByRole('listitem');
    await found.nth(2).waitFor();
    assert.deepEqual(await found.allTextContents(), ['As asked (5 tries)', 'Phone (2 tries)', 'Browser (2 tries)']);
    await checkAxe('stages');
    await page.setViewportSize({ width: 390, height: 800 });
    await checkAxe('stages on a phone');
    await page.setViewportSize({ width: 1366, height: 800 });
    const told = await (await context.request.get(`${origin}/api/v1/settings`)).text();
    assert.doesNotMatch(told, /hidden key/);
  });

  test('a download is tried again from a stage, and asked for differently with Shift+R', async () => {
    await page.goto(origin);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press('a');
    await page.getByRole('dialog').getByLabel('Links').waitFor();
    await page.keyboard.insertText(files.url('wants-user-agent', { value: 'Special' }, 'picky.bin'));
    await page.keyboard.press('Control+Enter');
    const row = page.getByRole('row', { name: /picky\.bin/ });
    await row.getByText(/^Failed/).waitFor();
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Attempts' }).click();
    const attempts = page.getByRole('tabpanel', { name: 'Attempts' });
    await attempts.getByText('Look at the link · failed · Browser').waitFor();
    assert.equal(await attempts.getByRole('listitem').count(), 3);
    await checkAxe('attempts');
    await attempts.getByRole('button', { name: 'Retry from here: stage Browser' }).click();
    await attempts.getByRole('listitem').nth(5).waitFor();
    await row.getByText(/^Failed/).waitFor();
    await row.focus();
    await page.keyboard.press('Shift+R');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('User agent').fill('Special/1');
    await checkAxe('retry with changes');
    await dialog.getByLabel('Begin with stage').selectOption('As asked');
    await page.keyboard.press('Tab');
    await dialog.getByRole('button', { name: 'Retry', exact: true }).press('Enter');
    await row.getByText('Finished').waitFor({ timeout: 30_000 });
  });

  test('files go to the trash with Shift+Delete, come back, and are deleted for good', async () => {
    const row = page.getByRole('row', { name: /picky\.bin/ });
    const path = join(folder, 'downloads', 'picky.bin');
    await row.focus();
    await page.keyboard.press('Shift+Delete');
    await row.waitFor({ state: 'detached' });
    await page.getByText('“picky.bin” and its files are in the trash.').first().waitFor();
    await page.keyboard.press('Control+z');
    await row.getByText('Finished').waitFor();
    await row.focus();
    await page.keyboard.press('Shift+Delete');
    await row.waitFor({ state: 'detached' });
    assert.ok(existsSync(path), 'nothing is moved or deleted yet');
    await page.goto(`${origin}/history`);
    await page.getByRole('button', { name: 'Trash', exact: true }).click();
    await page.getByText(/in the trash until/).waitFor();
    await checkAxe('trash');
    await page.getByRole('button', { name: 'Delete the files of picky.bin for good' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete for good' }).click();
    await page.getByText('The trash is empty.').first().waitFor();
    for (let tries = 0; existsSync(path) && tries < 200; tries++) await page.waitForTimeout(50);
    assert.ok(!existsSync(path));
  });

  test('all that match are paused at once, and a start time is shown', async () => {
    await page.goto(origin);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press('a');
    const dialog = page.getByRole('dialog');
    const links = Array.from({ length: 12 }, (_, index) => files.url('plain', {}, `later-${index}.bin`));
    await dialog.getByLabel('Links').fill(links.join('\n'));
    await dialog.getByRole('button', { name: 'More' }).click();
    await dialog.getByLabel('Start at').fill('2099-01-01T12:00');
    await dialog.getByLabel('From', { exact: true }).fill('22:00');
    await dialog.getByLabel('To', { exact: true }).fill('06:00');
    await page.keyboard.press('Control+Enter');
    await page
      .getByRole('row', { name: /later-11\.bin/ })
      .getByText(/^Starts/)
      .waitFor();
    await page.goto(`${origin}/?q=later`);
    await page.getByRole('row', { name: /later-11\.bin/ }).focus();
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menuitem', { name: 'First in the queue' }).press('Enter');
    await page.getByText('1 is first now.').first().waitFor();
    await page.getByRole('row', { name: /later-11\.bin/ }).focus();
    await page.keyboard.press('Control+a');
    await page.getByText('All 12 that match').waitFor();
    const asked = page.waitForRequest(/downloads\/actions$/);
    await page.keyboard.press('p');
    assert.deepEqual((await asked).postDataJSON(), { action: 'pause', query: { state: 'all', q: 'later' } });
    await page.getByText('12 paused.').first().waitFor();
    await untilKept('/downloads?q=later&limit=20', ({ items }: { items: { state: string }[] }) =>
      items.every(({ state }) => state === 'paused'),
    );
    await page.keyboard.press('Delete');
    await page.getByText('12 downloads removed.').first().waitFor();
    await page.keyboard.press('Control+z');
    await page
      .getByRole('row', { name: /later-11\.bin/ })
      .getByText('Paused')
      .waitFor();
    await page.getByRole('row', { name: /later-11\.bin/ }).focus();
    await page.keyboard.press('Control+a');
    await page.getByText('All 12 that match').waitFor();
    const askedByMenu = page.waitForRequest(/downloads\/actions$/);
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menuitem', { name: 'Resume' }).press('Enter');
    assert.deepEqual((await askedByMenu).postDataJSON(), { action: 'resume', query: { state: 'all', q: 'later' } });
    await page.getByText('12 resumed.').first().waitFor();
  });

  test('logging out and in again', async () => {
    await page.goto(origin);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Name', { exact: true }).fill('anna');
    await page.getByLabel('Password', { exact: true }).fill('not the password');
    await page.keyboard.press('Enter');
    await page
      .getByText(/password/i)
      .filter({ hasText: /wrong|not|do not/i })
      .first()
      .waitFor();
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /holiday film\.bin/ }).waitFor();

    const body = JSON.stringify({ title: 'Away', status: 404, code: 'away', detail: 'The database is away.' });
    await page.route(/\/session$/, (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body }));
    await page.goto(origin);
    await page.getByText('The database is away.').waitFor();
    await page.unroute(/\/session$/);
    // By itself.
    await page.getByRole('row', { name: /holiday film\.bin/ }).waitFor();
  });

  test('nothing on the way broke the content policy or threw', () => {
    assert.deepEqual(complaints, []);
  });

  type Machine = { name: string; labels: string[]; maxFetches: number | null };
  type Kept = { limitBytesPerSecond: number | null; hostRules: object[]; timetable: string[][] | null };

  const untilSettings = (isSo: (settings: Kept) => boolean) => untilKept('/settings', isSo);

  /** The page saves by itself, a moment later. */
  async function untilKept<Answer>(path: string, isSo: (answer: Answer) => boolean): Promise<void> {
    let text = '';
    for (let tries = 0; tries < 100; tries++) {
      text = await (await context.request.get(`${origin}/api/v1${path}`)).text();
      if (isSo(JSON.parse(text))) return;
      await page.waitForTimeout(50);
    }
    throw new Error(`The server keeps ${text}`);
  }

  function stoppedIn(timetable: string[][] | null): string {
    const hours = (timetable ?? []).flatMap((day, at) => day.map((speed, hour) => ({ speed, text: `${at} ${hour}` })));
    return hours.flatMap(({ speed, text }) => (speed === 'stopped' ? [text] : [])).join(', ');
  }

  /** A page that did not do what was awaited is easier to understand with what it shows. */
  async function tellWhatIsSeen(error: Error): Promise<never> {
    const [seen, listed] = [await page.locator('body').ariaSnapshot(), await context.request.get(`${origin}/api/v1/downloads`)];
    throw new Error(`${error.message}\nThe page shows:\n${seen}\nThe server lists:\n${await listed.text()}`, { cause: error });
  }

  async function sampleShares(cell: ReturnType<Page['getByText']>): Promise<number[]> {
    const shares: number[] = [];
    for (let sample = 0; sample < 4; sample++) {
      shares.push(Number.parseFloat((await cell.textContent()) ?? ''));
      await page.waitForTimeout(700);
    }
    return shares;
  }
});
