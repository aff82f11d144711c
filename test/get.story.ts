/** `flotilla get` as people and scripts see it: real processes through the launcher, a server on loopback that lies. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { namesIn } from '#testing/fetch-into.ts';
import { runGet as get, launcher, type Ran, startPlainly as start, untilEnd } from '#testing/run-get.ts';
import { type Behaviour, type HostileParams, type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes, sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import { serveHttpProxy } from '#testing/serve-tunnels.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';

const body = sampleBytes(6_000_000, 21);
const sha256 = createHash('sha256').update(body).digest('hex');

const isWhole = (path: string, expected = body) => readFileSync(path).equals(expected);
const events = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('flotilla get', { concurrency: 3 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });

  test('a list of small files comes whole, whatever is odd among them', async (t) => {
    const folder = tempFolder(t);
    const small = await serveHostile(t, { body: body.subarray(0, 5000) });
    const names = Array.from({ length: 60 }, (_, n) => `n${n}.bin`);
    const odd = [
      small.url('404', { times: 9 }, 'missing.bin'),
      small.url('chunked', {}, 'chunked.bin'),
      small.url('redirect', {}, 'moved.bin'),
      small.url('truncated', { times: 2 }, 'cut.bin'),
      small.url('503', {}, 'busy.bin'),
      small.url('plain', {}, 'n7.bin'),
    ];
    const plainLinks = names.map((name) => small.url('plain', {}, name));
    const links = [...plainLinks.slice(0, 30), ...odd, ...plainLinks.slice(30)];
    const list = join(tempFolder(t), 'list.txt');
    writeFileSync(list, links.join('\n'));
    mkdirSync(join(folder, '.flotilla-999999999'));
    const ran = await get(t, folder, '--json', '-i', list);
    assert.equal(ran.code, 3, ran.stderr);
    const expected = [...names, 'chunked.bin', 'moved.bin', 'cut.bin', 'busy.bin', 'n7 (1).bin'];
    assert.deepEqual(namesIn(folder).sort(), expected.sort());
    for (const name of expected) assert.ok(isWhole(join(folder, name), body.subarray(0, 5000)), name);
    const ended = events(ran.stdout).filter(({ event }) => event === 'download.completed' || event === 'download.failed');
    assert.equal(ended.length, links.length);
    assert.equal(new Set(ended.map(({ link }) => link)).size, links.length);
    assert.ok(ended.every(({ sha256: hex, event }) => event === 'download.failed' || /^[0-9a-f]{64}$/.test(String(hex))));
  });

  test('a long list killed in the middle shows no half file, and the next run cleans up', async (t) => {
    const folder = tempFolder(t);
    const small = await serveHostile(t, { body: body.subarray(0, 60_000) });
    const links = Array.from({ length: 400 }, (_, n) => small.url('plain', {}, `n${n}.bin`));
    const list = join(tempFolder(t), 'list.txt');
    writeFileSync(list, links.join('\n'));
    const run = await start(t, ['get', '-q', '-d', folder, '-i', list]);
    while (namesIn(folder).every((name) => name.startsWith('.'))) await sleep(1);
    run.kill('SIGKILL');
    await run.exited;
    for (const name of namesIn(folder)) {
      if (!name.startsWith('.')) assert.ok(isWhole(join(folder, name), body.subarray(0, 60_000)), name);
    }
    const again = await get(t, folder, '-q', '-i', list);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(
      namesIn(folder).filter((name) => name.startsWith('.')),
      [],
    );
  });

  const badInputs: [name: string, args: string[], code: number, sentence: RegExp][] = [
    ['nothing', [], 2, /There is no link to get/],
    ['what is not a link', ['nonsense'], 2, /"nonsense" is not a link\. A link looks like/],
    ['an unknown scheme', ['gopher://127.0.0.1/x'], 2, /does not know links that begin with gopher: It understands http/],
    ['an unknown option', ['--nonsense', 'http://127.0.0.1/'], 2, /unknown option/],
    ['a senseless number', ['-x', '0', 'http://127.0.0.1/'], 2, /whole number from 1 to 32/],
    ['a senseless checksum', ['--checksum', 'abc', 'http://127.0.0.1/'], 2, /is not a checksum/],
    ['a list that is not there', ['-i', '/nowhere/list'], 2, /list \/nowhere\/list cannot be read/],
    ['a header that is ours', ['-H', 'Range: bytes=0-1', 'http://127.0.0.1/'], 2, /header Range decides how the bytes travel/],
    [
      'a form',
      ['--method', 'POST', 'http://127.0.0.1/'],
      2,
      /only sends GET, because sending a form again .* copy the final link/,
    ],
    ['two logins', ['--user', 'a:b', '--bearer', 'c', 'http://127.0.0.1/'], 2, /one login only/],
    ['one name for two links', ['-o', 'x', 'http://127.0.0.1/', 'http://127.0.0.1/'], 2, /belong to a single link/],
    ['a path for a name', ['-o', '../x', 'http://127.0.0.1/'], 2, /--output takes the name of a file, and "\.\.\/x" is none/],
    ['standard output for a name', ['-o', '-', 'http://127.0.0.1/'], 2, /and "-" is none/],
    [
      'a mirror for two links',
      ['--mirror', 'http://127.0.0.1/', 'http://127.0.0.1/a', 'http://127.0.0.1/b'],
      2,
      /--mirror belongs to a/,
    ],
    ['a mirror that is no link', ['--mirror', 'nonsense', 'http://127.0.0.1/'], 2, /"nonsense" is not a link/],
    ['a name that nobody has', ['http://nowhere.invalid/x'], 5, /The name nowhere\.invalid could not be resolved/],
  ];
  for (const [name, args, code, sentence] of badInputs) {
    test(`${name} exits with ${code} and a sentence`, async (t) => {
      const folder = tempFolder(t);
      const ran = await get(t, folder, ...args);
      assert.match(ran.stderr, sentence);
      assert.deepEqual([ran.code, ran.stdout, namesIn(folder)], [code, '', []]);
    });
  }

  test('what a person gives for the request is sent, and shown nowhere', async (t) => {
    const folder = tempFolder(t);
    const cookies = join(folder, 'cookies.txt');
    writeFileSync(cookies, '127.0.0.1\tFALSE\t/\tFALSE\t0\tpass\thidden-word\n');
    const proxy = await serveHttpProxy(t, { login: { name: 'anna', password: 'hidden-word' } });
    const url = server.url('digest-login', { user: 'otto', password: 'other' });
    const flags = [
      '-H',
      'X-Key: hidden-word',
      '-H',
      'X-More: 1',
      '--user-agent',
      'Mozilla/5.0',
      '--referer',
      'https://example.org/',
    ];
    const way = ['--proxy', `http://anna:hidden-word@127.0.0.1:${proxy.port}`, '-4', '--interface', '127.0.0.1'];
    const all = [...flags, ...way, '--cookies', cookies, '--user', 'otto:other', '--json', url];
    const ran = await get(t, join(folder, 'files'), ...all);
    assert.equal(ran.code, 0, ran.stderr);
    assert.doesNotMatch(ran.stdout + ran.stderr, /hidden-word/);
    const probed = await start(t, ['probe', ...all]);
    assert.equal((await probed.exited).code, 0, probed.stderr);
    const seen = server.requestsOf(url);
    assert.ok(seen.length >= 4 && proxy.asked.length === seen.length);
    for (const { headers } of seen) {
      const { cookie, referer, 'x-key': key, 'x-more': more, 'user-agent': agent } = headers;
      assert.deepEqual([cookie, key, more], ['pass=hidden-word', 'hidden-word', '1']);
      assert.deepEqual([agent, referer], ['Mozilla/5.0', 'https://example.org/']);
    }
    assert.ok(seen.at(-1)?.headers.authorization?.startsWith('Digest username="otto"'));
  });

  test('--proxy-for sends what goes to a host through its proxy, and nothing else', async (t) => {
    const folder = tempFolder(t);
    const proxy = await serveHttpProxy(t);
    const rules = ['--proxy-for', 'localhost=direct', '--proxy-for', `*=http://127.0.0.1:${proxy.port}`];
    const straight = new URL(server.url('plain', {}, 'straight.bin'));
    straight.hostname = 'localhost';
    const through = server.url('plain', {}, 'through.bin');
    const ran = await get(t, folder, ...rules, straight.href, through);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['straight.bin', 'through.bin']);
    assert.ok(proxy.asked.length > 0 && proxy.asked.every((asked) => asked === `GET ${through}`), proxy.asked.join());
    proxy.asked.length = 0;
    const list = Array.from({ length: 20 }, (_, index) => server.url('plain', {}, `${index}.bin`));
    assert.equal((await get(t, tempFolder(t), ...rules, ...list)).code, 0);
    assert.deepEqual(new Set(proxy.asked), new Set(list.map((link) => `GET ${link}`)), 'a long list is no exception');
    const probed = await start(t, ['probe', ...rules, through]);
    assert.equal((await probed.exited).code, 0, probed.stderr);
    const wrong = await get(t, folder, '--proxy-for', 'nonsense', through);
    assert.match(wrong.stderr, /A proxy for a host looks like example\.org=socks5/);
    assert.equal(wrong.code, 2);
  });

  test('a server that is not there exits with 5 and a sentence', async (t) => {
    const folder = tempFolder(t);
    const port = await freePort();
    const ran = await get(t, folder, `http://127.0.0.1:${port}/x`);
    assert.match(ran.stderr, new RegExp(`refused the connection on port ${port}\\. Is the server running`));
    assert.deepEqual([ran.code, ran.stdout, namesIn(folder)], [5, '', []]);
  });

  const failures: [behaviour: Behaviour, params: HostileParams, code: number, sentence: RegExp][] = [
    ['401', {}, 4, /wants a user name and a password \(401\)/],
    ['403', {}, 4, /refuses this link \(403\)/],
    ['404', {}, 3, /There is nothing at .* \(404\)\. Check the link/],
    ['410', {}, 3, /was taken down for good \(410\)/],
    ['500', { times: 99 }, 5, /has a problem of its own \(500\)/],
    ['status', { status: 502 }, 5, /has a problem of its own \(502\)/],
    ['always-503', {}, 5, /is busy \(503\)/],
    ['status', { status: 418 }, 6, /answered 418/],
    ['status', { status: 405, allow: 'POST, HEAD' }, 6, /only takes POST at this link \(405\), which Flotilla does not send/],
    ['status', { status: 405 }, 6, /does not let this link be fetched \(405\)\. Open the page in a browser/],
    ['redirect-loop', {}, 6, /redirects more than 10 times/],
    ['redirect-endless', {}, 6, /redirects more than 10 times/],
    ['redirect-to-file-scheme', {}, 6, /redirects to something that is not a web address/],
    [
      'redirect-to',
      { target: 'http://169.254.169.254/latest/meta-data/' },
      6,
      /169\.254\.169\.254 is in the range 169\.254\.0\.0\/16/,
    ],
    ['redirect-to', { target: 'http://[::1]/' }, 6, /::1 is in the range ::\/96/],
    ['truncated', { atByte: 0 }, 5, /closed the connection in the middle of the file/],
    ['chunked-truncated', {}, 5, /closed the connection in the middle of the file/],
    ['no-answer', {}, 5, /closed the connection before it answered/],
    ['not-http', {}, 5, /does not speak HTTP/],
    ['digest', { wrong: 1 }, 7, /is not what was promised: its sha-256 is/],
  ];
  for (const [behaviour, params, code, sentence] of failures) {
    test(`a link that answers ${behaviour} ${JSON.stringify(params)} exits with ${code} and leaves nothing`, async (t) => {
      const folder = tempFolder(t);
      const ran = await get(t, folder, server.url(behaviour, params));
      assert.match(ran.stderr, sentence);
      assert.deepEqual([ran.code, ran.stdout, namesIn(folder)], [code, '', []], ran.stderr);
    });
  }

  test('a wrong checksum exits with 7 and leaves nothing, the right one is told', async (t) => {
    const folder = tempFolder(t);
    const wrong = await get(t, folder, server.url('plain'), '--checksum', `sha-256=${'0'.repeat(64)}`);
    assert.match(wrong.stderr, new RegExp(`its sha-256 is ${sha256}, expected was 0{64}`));
    assert.deepEqual([wrong.code, wrong.stdout, namesIn(folder)], [7, '', []]);
    const right = await get(t, folder, server.url('plain'), '--checksum', `sha-256=${sha256}`);
    assert.match(right.stderr, /sha-256 as promised/);
    assert.equal(right.code, 0);
  });

  test('a password is not shown when it was wrong', async (t) => {
    const url = new URL(server.url('401', { user: 'anna', password: 'right' }));
    url.username = 'anna';
    url.password = 'topsecret';
    const ran = await get(t, tempFolder(t), url.href);
    assert.equal(ran.code, 4);
    assert.doesNotMatch(ran.stderr + ran.stdout, /topsecret/);
  });

  test('a folder that cannot be one exits with 1 and a sentence', async (t) => {
    const file = join(tempFolder(t), 'file');
    writeFileSync(file, 'x');
    for (const [folder, sentence] of [
      [join(file, 'folder'), /folder cannot be written: a part of this path is a file/],
      [file, /file cannot be written: a file has the name of a folder that is needed\. Choose another/],
    ] as const) {
      const ran = await get(t, folder, server.url('plain'));
      assert.match(ran.stderr, sentence);
      assert.deepEqual([ran.code, ran.stdout], [1, '']);
    }
  });

  // Good ends

  test('a file arrives whole: its path is all that stands on stdout, what happened on stderr in plain lines', async (t) => {
    const folder = join(tempFolder(t), 'made/for/it');
    const ran = await get(t, folder, server.url('plain'));
    const path = join(folder, 'file.bin');
    assert.equal(ran.stdout, `${path}\n`);
    assert.match(ran.stderr, new RegExp(`^file\\.bin: 5\\.72 MiB\\n.*SHA-256 ${sha256}\\n$`, 's'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what must not be there
    assert.doesNotMatch(ran.stderr, /\x1b/);
    assert.deepEqual([ran.code, namesIn(folder)], [0, ['file.bin']]);
    assert.ok(isWhole(path));
  });

  test('--mirror, repeated, brings other servers: a dead one is told, the others give the file', async (t) => {
    const folder = tempFolder(t);
    const other = await serveHostile(t, { body });
    const mirrors = [server.url('404'), other.url('plain')].flatMap((url) => ['--mirror', url]);
    const ran = await get(t, folder, `http://127.0.0.1:${await freePort()}/file.bin`, ...mirrors);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /is set aside for a while: .* refused the connection/);
    assert.ok(isWhole(join(folder, 'file.bin')));
    assert.deepEqual(namesIn(folder), ['file.bin']);
  });

  /** A document that lists `names`, each on a dead mirror, on one with another size, and on two good ones. */
  async function metalinkOf(t: Scope, names: string[], digest = sha256): Promise<string> {
    const shorter = await serveHostile(t, { body: body.subarray(1) });
    const other = await serveHostile(t, { body });
    const dead = `http://127.0.0.1:${await freePort()}/x`;
    const files = names.map((name) => {
      const links = [dead, shorter.url('plain'), other.url('plain'), server.url('plain')];
      const urls = links.map((url, index) => `<url priority="${index + 1}">${url}</url>`).join('');
      const hashes = `<hash type="md5">${'0'.repeat(32)}</hash><hash type="sha-256">${digest}</hash>`;
      return `<file name="${name}"><size>${body.length}</size>${hashes}${urls}</file>`;
    });
    return `<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">${files.join('')}</metalink>`;
  }

  test('a link to a Metalink document gets the files it lists, checked by the strongest digest', async (t) => {
    const bytes = Buffer.from(await metalinkOf(t, ['a.bin', 'sub/b.bin']));
    const site = await serveHostile(t, { body: bytes, contentType: 'application/metalink4+xml' });
    const plain = await serveHostile(t, { body: bytes });
    for (const link of [
      site.url('plain', {}, 'latest'),
      plain.url('plain', {}, 'x.meta4'),
      plain.url('chunked', {}, 'x.metalink'),
    ]) {
      const folder = tempFolder(t);
      const ran = await get(t, folder, link);
      assert.equal(ran.code, 0, ran.stderr);
      assert.deepEqual([namesIn(folder), namesIn(join(folder, 'sub'))], [['a.bin', 'sub'], ['b.bin']]);
      for (const path of ['a.bin', 'sub/b.bin']) assert.ok(isWhole(join(folder, path)));
      assert.match(ran.stderr, /left out: its file has 5999999 bytes instead of 6000000/);
      assert.match(ran.stderr, /sha-256 as promised/);
    }
  });

  test('a Metalink document on the disk gets its files; its links pass the gate', async (t) => {
    const folder = tempFolder(t);
    const path = join(folder, 'list.meta4');
    writeFileSync(path, await metalinkOf(t, ['a.bin']));
    const closed = await get(t, folder, path);
    assert.equal(closed.code, 6, closed.stderr);
    assert.match(closed.stderr, /127\.0\.0\.1 is in the range 127\.0\.0\.0\/8/);
    const args = ['get', '-d', folder, '-o', 'mine.bin', path];
    const run = await start(t, args, launcher, { FLOTILLA_NET_ALLOW: '127.0.0.0/8' });
    assert.equal((await run.exited).code, 0, run.stderr);
    assert.deepEqual(namesIn(folder), ['list.meta4', 'mine.bin']);
    assert.ok(isWhole(join(folder, 'mine.bin')));
  });

  test('a Metalink document that lies or cannot be trusted gets nothing', async (t) => {
    const folder = tempFolder(t);
    const cases: [document: string, code: number, sentence: RegExp][] = [
      [await metalinkOf(t, ['a.bin'], '0'.repeat(64)), 7, /its sha-256 is .*, expected was 0{64}/],
      [await metalinkOf(t, ['../a.bin']), 6, /the name "\.\.\/a\.bin" is not one inside a folder/],
      ['<html></html>', 6, /it is no Metalink/],
    ];
    for (const [document, code, sentence] of cases) {
      const site = await serveHostile(t, { body: Buffer.from(document) });
      const ran = await get(t, folder, site.url('plain', {}, 'x.meta4'));
      assert.match(ran.stderr, sentence);
      assert.deepEqual([ran.code, ran.stdout, namesIn(folder)], [code, '', []], ran.stderr);
    }
    const missing = await get(t, folder, join(folder, 'none.meta4'));
    assert.match(missing.stderr, /document .* cannot be read/);
    assert.equal(missing.code, 2);
  });

  for (const behaviour of ['no-range', 'chunked', 'no-length', 'gzip', 'if-range-drops-range', 'keep-alive-closes'] as const) {
    test(`a server of the kind ${behaviour} gives the right file`, async (t) => {
      const folder = tempFolder(t);
      assert.equal((await get(t, folder, server.url(behaviour))).code, 0);
      assert.deepEqual(namesIn(folder), ['file.bin']);
      assert.ok(isWhole(join(folder, 'file.bin')));
    });
  }

  test('a file that changes on the way is fetched anew, in one version', async (t) => {
    const folder = tempFolder(t);
    const ran = await get(t, folder, server.url('etag-changes', { at: 3 }));
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /changed on the server while it was fetched\. Starting over/);
    assert.ok(isWhole(join(folder, 'file.bin'), server.version(2)));
    assert.deepEqual(namesIn(folder), ['file.bin']);
  });

  test('a name that is taken gets a number, and what was there stays', async (t) => {
    const folder = tempFolder(t);
    writeFileSync(join(folder, 'file.bin'), 'mine');
    mkdirSync(join(folder, 'file (1).bin'));
    const ran = await get(t, folder, server.url('plain'));
    assert.equal(ran.stdout, `${join(folder, 'file (2).bin')}\n`);
    assert.ok(isWhole(join(folder, 'file (2).bin')));
    assert.equal(readFileSync(join(folder, 'file.bin'), 'utf8'), 'mine');
  });

  test('a name from the server stays inside the folder', async (t) => {
    const outer = tempFolder(t);
    const folder = join(outer, 'a/b');
    for (const value of ['attachment; filename="../../evil.bin"', "attachment; filename*=UTF-8''..%2f..%2fevil.bin"]) {
      assert.equal((await get(t, folder, server.url('disposition', { value }))).code, 0);
    }
    assert.deepEqual(namesIn(folder), ['evil (1).bin', 'evil.bin']);
    assert.deepEqual([namesIn(outer), namesIn(join(outer, 'a'))], [['a'], ['b']]);
  });

  test("what others have in the folder, and nobody may read or remove, is in nobody's way", async (t) => {
    const folder = tempFolder(t);
    const theirs = ['file.bin.part.journal', 'other.bin.part.journal', 'other.bin.part.journal.999999999.new'];
    for (const name of theirs) mkdirSync(join(folder, name, 'theirs'), { recursive: true });
    const ran = await get(t, folder, server.url('plain'));
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), ['file.bin', ...theirs]);
  });

  test('files whose names are as long as names can be come whole, also two of one name', async (t) => {
    const folder = tempFolder(t);
    const links = [1, 2].map((n) => server.url('plain', { n }, `${'x'.repeat(300)}.bin`));
    const ran = await get(t, folder, ...links);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(namesIn(folder), [`${'x'.repeat(247)} (1).bin`, `${'x'.repeat(251)}.bin`]);
    for (const name of namesIn(folder)) assert.ok(isWhole(join(folder, name)));
  });

  test('a file that the server calls a journal of ours takes no other file along when the next run tidies up', async (t) => {
    const folder = tempFolder(t);
    const value = 'attachment; filename="mine.part.journal"';
    assert.equal((await get(t, folder, server.url('disposition', { value }))).code, 0);
    writeFileSync(join(folder, 'mine.part'), 'mine');
    writeFileSync(join(folder, 'other.part.journal'), 'not of Flotilla');
    assert.equal((await get(t, folder, server.url('plain'))).code, 0);
    assert.deepEqual(namesIn(folder), ['file.bin', 'mine.part', 'mine.part_journal', 'other.part.journal']);
  });

  test('when nobody reads what it prints, the files come all the same', async (t) => {
    const folder = tempFolder(t);
    const script = '{ "$0" get "$@"; echo "exit $?" >&2; } | :';
    const links = ['a.bin', 'b.bin'].map((name) => server.url('plain', {}, name));
    const ran = await untilEnd(await start(t, ['-c', script, launcher, '-q', '-d', folder, ...links], 'sh'));
    assert.equal(ran.stderr, 'exit 0\n');
    assert.deepEqual(namesIn(folder), ['a.bin', 'b.bin']);
  });

  test('with --json each line is an event: started, progress, completed', async (t) => {
    const url = server.url('plain', { bytesPerSecond: 3_000_000 });
    const ran = await get(t, tempFolder(t), url, '--json', '-x', '1');
    const lines = events(ran.stdout);
    assert.deepEqual(
      [...new Set(lines.map(({ event }) => event))],
      ['download.started', 'download.progress', 'download.completed', 'run.ended'],
    );
    assert.partialDeepStrictEqual(lines[0], { link: url, name: 'file.bin', sizeBytes: body.length, resumedBytes: 0 });
    assert.partialDeepStrictEqual(lines.at(-2), { sha256, sizeBytes: body.length });
    const progress = lines.filter(({ event }) => event === 'download.progress').map(({ doneBytes }) => Number(doneBytes));
    assert.ok(progress.every((doneBytes, index) => doneBytes > (progress[index - 1] ?? -1) && doneBytes <= body.length));
    assert.equal(ran.stderr, '');
  });

  test('with --json a failure is an event with its code, and the exit code says the same', async (t) => {
    const ran = await get(t, tempFolder(t), server.url('404'), '--json');
    const failed = events(ran.stdout).find(({ event }) => event === 'download.failed');
    assert.partialDeepStrictEqual(failed, { code: 'not_found', retry: 'never', canGoOn: false });
    assert.equal(ran.code, 3);
  });

  test('several links, also from a list, are several downloads, and one that fails leaves the others alone', async (t) => {
    const folder = tempFolder(t);
    const list = join(tempFolder(t), 'list');
    const named = (name: string) => server.url('plain', {}, name);
    writeFileSync(list, `# my list\n\n  ${named('c.bin')}  \r\n${named('a.bin')}\n${server.url('404')}\n`);
    const ran = await get(t, folder, named('a.bin'), named('b.bin'), '-i', list);
    assert.deepEqual(namesIn(folder), ['a (1).bin', 'a.bin', 'b.bin', 'c.bin']);
    for (const name of namesIn(folder)) assert.ok(isWhole(join(folder, name)), name);
    assert.deepEqual(
      ran.stdout.trimEnd().split('\n').sort(),
      namesIn(folder).map((name) => join(folder, name)),
    );
    assert.equal(ran.code, 3);
    const mixed = await get(t, tempFolder(t), server.url('404'), server.url('401'));
    assert.equal(mixed.code, 1, 'failures of two kinds have no code in common');
  });

  const secondsOf = (ran: Ran) =>
    events(ran.stdout)
      .filter(({ event }) => event === 'download.completed')
      .map(({ seconds }) => seconds as number);
  /** A machine that is busy with other things makes it slower, never faster. */
  const isAtSpeed = (bytes: number, seconds: number, rate: number) =>
    assert.ok(bytes / seconds > rate * 0.5 && bytes / seconds < rate * 1.06, `${Math.round(bytes / seconds)} bytes per second`);

  for (const [connections, mebibytes] of [
    ['1', 2],
    ['8', 8],
  ] as const) {
    test(`--limit-rate is kept within 6 % over ${connections} connections`, async (t) => {
      const rate = mebibytes * 1024 * 1024;
      const nginx = await serveNginx(t);
      sampleFile(nginx.folder, 'large.bin', rate * 4, 5);
      const limit = ['--limit-rate', `${mebibytes}M`, '-x', connections];
      const [seconds = 0] = secondsOf(await get(t, tempFolder(t), `${nginx.origin}/large.bin`, '--json', ...limit));
      isAtSpeed(rate * 4, seconds, rate);
    });
  }

  test('two downloads share --limit-rate alike, whatever their servers allow', async (t) => {
    const links = [server.url('max-connections'), server.url('plain')];
    const ran = await get(t, tempFolder(t), ...links, '--json', '--limit-rate', '3M');
    const [first = 0, last = 0] = secondsOf(ran);
    isAtSpeed(2 * body.length, last, 3 * 1024 * 1024);
    assert.ok(first > last * 0.75, `${first} and ${last} seconds`);
  });

  test('--limit-each is for each download, --limit-host for all of one host', async (t) => {
    const links = () => [server.url('plain'), server.url('plain')];
    const each = await get(t, tempFolder(t), ...links(), '--json', '--limit-each', '2M');
    for (const seconds of secondsOf(each)) isAtSpeed(body.length, seconds, 2 * 1024 * 1024);
    const host = await get(t, tempFolder(t), ...links(), '--json', '--limit-host', '4M');
    isAtSpeed(2 * body.length, Math.max(...secondsOf(host)), 4 * 1024 * 1024);
  });

  test('--host-connections holds for all files of the call, every one of them gets its turn, and says what it waits for', async (t) => {
    const crowded = await serveHostile(t, { body });
    const links = Array.from({ length: 5 }, (_, index) => crowded.url('plain', { bytesPerSecond: 3_000_000 }, `${index}.bin`));
    const folder = tempFolder(t);
    const seen: number[] = [];
    const timer = setInterval(() => seen.push(crowded.openConnections), 5);
    const ran = await get(t, folder, ...links, '--host-connections', '3', '-x', '4', '--json');
    clearInterval(timer);
    assert.equal(ran.code, 0, ran.stderr);
    for (const name of namesIn(folder)) assert.ok(isWhole(join(folder, name)), name);
    assert.equal(Math.max(...seen), 3);
    const waits = events(ran.stdout).filter(({ event }) => event === 'download.noted');
    const messages = waits.map(({ message }) => message);
    assert.ok(messages.length >= 2 && messages.length <= 5, `a wait is told once: ${messages.join(' ')}`);
    for (const message of messages) assert.match(String(message), /^3 of 3 connections allowed by 127\.0\.0\.1 are in use/);
    // The first one began with three; it gave two of them up for the others.
    const begun = new Set(crowded.requests.slice(0, 7).map(({ path }) => path.split('/').at(-1)));
    assert.ok(begun.size >= 3, [...begun].join(' '));
  });

  // Interruptions

  for (const connections of ['1', '4']) {
    test(`Ctrl+C over ${connections} connections exits with 130 and a hint, and the same command goes on`, async (t) => {
      const folder = tempFolder(t);
      const url = server.url('plain', { bytesPerSecond: 3_000_000 / Number(connections) });
      const run = await start(t, ['get', '-d', folder, '-x', connections, url]);
      while (server.sentBytes(url) < 2_000_000) await sleep(10);
      assert.equal((await run.kill('SIGINT')).code, 130);
      assert.match(run.stderr, /Stopped\. What has arrived is kept: run the same command again to go on\.\n$/);
      assert.deepEqual([run.stdout, namesIn(folder)], ['', ['file.bin.part', 'file.bin.part.journal']]);
      const again = await get(t, folder, '-x', connections, url);
      assert.match(again.stderr, /going on after [12]\.\d+ MiB/);
      assert.deepEqual([again.code, namesIn(folder)], [0, ['file.bin']]);
      assert.ok(isWhole(join(folder, 'file.bin')));
      assert.ok(server.sentBytes(url) < body.length * 1.05, `${server.sentBytes(url)} bytes were sent`);
    });
  }

  test('a file that has to be looked at first, for its name says nothing, is gone on with too', async (t) => {
    const folder = tempFolder(t);
    const url = server.url('plain', { bytesPerSecond: 3_000_000 }, 'file');
    const run = await start(t, ['get', '-d', folder, '-x', '1', url]);
    while (server.sentBytes(url) < 2_000_000) await sleep(10);
    await run.kill('SIGINT');
    const again = await get(t, folder, '-x', '1', url);
    assert.match(again.stderr, /going on after [12]\.\d+ MiB/);
    assert.deepEqual([again.code, namesIn(folder)], [0, ['file']]);
    assert.ok(isWhole(join(folder, 'file')));
  });

  for (const [behaviour, params] of [
    ['slow-first-byte', { ms: 60_000 }],
    ['stall', { atByte: 0 }],
  ] as const) {
    test(`Ctrl+C before a byte has come (${behaviour}) leaves nothing`, async (t) => {
      const folder = tempFolder(t);
      const url = server.url(behaviour, params);
      const run = await start(t, ['get', '-d', folder, url]);
      while (server.requestsOf(url).length === 0) await sleep(10);
      await sleep(100);
      assert.equal((await run.kill('SIGINT')).code, 130);
      assert.deepEqual(namesIn(folder), []);
    });
  }

  test('a file that changed since the interruption starts over', async (t) => {
    const folder = tempFolder(t);
    const url = server.url('etag-changes', { at: 2, bytesPerSecond: 3_000_000 });
    const run = await start(t, ['get', '-d', folder, '-x', '1', url]);
    while (server.sentBytes(url) < 2_000_000) await sleep(10);
    await run.kill('SIGINT');
    assert.equal((await get(t, folder, '-x', '1', url)).code, 0);
    assert.ok(isWhole(join(folder, 'file.bin'), server.version(2)));
    assert.deepEqual(namesIn(folder), ['file.bin']);
  });

  for (const apartMs of [0, 600]) {
    test(`two runs of one link, ${apartMs} ms apart, do not disturb each other`, async (t) => {
      const folder = tempFolder(t);
      const url = server.url('plain', { bytesPerSecond: 2_000_000 });
      const first = get(t, folder, '-x', '2', url);
      await sleep(apartMs);
      const runs = await Promise.all([first, get(t, folder, '-x', '2', url)]);
      assert.deepEqual(
        runs.map(({ code }) => code),
        [0, 0],
        runs.map(({ stderr }) => stderr).join('\n'),
      );
      assert.deepEqual(namesIn(folder), ['file (1).bin', 'file.bin']);
      for (const name of namesIn(folder)) assert.ok(isWhole(join(folder, name)), name);
    });
  }
});
