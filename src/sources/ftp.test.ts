/** FTP servers that are odd, old, full or hostile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestOptions } from '#core/request.ts';
import type { SourceContext } from '#core/source.ts';
import { type FetchIntoOptions, fetchInto } from '#testing/fetch-into.ts';
import { noServices } from '#testing/no-services.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { serveFtp } from '#testing/serve-ftp.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { type OddFtpOptions, serveOddFtp, stop } from '#testing/serve-odd-ftp.ts';
import { serveHttpProxy, serveSocks5 } from '#testing/serve-tunnels.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { ftp } from './ftp.ts';

const body = sampleBytes(2_000_000, 53);
const connectTimeoutMs = 30_000;

function fetchFrom(t: Scope, link: string, options: FetchIntoOptions = {}) {
  return fetchInto(ftp, tempFolder(t), link, { connectTimeoutMs, ...options });
}

function contextFor(t: Scope, timeoutMs = connectTimeoutMs): SourceContext {
  const connections = createKeptConnections();
  releaseAfter(t, () => connections.close());
  const egress = createEgress({ allow: ['127.0.0.0/8', '::1'] });
  return { ...noServices, clock: systemClock, egress, connections, connectTimeoutMs: timeoutMs };
}

function probe(t: Scope, link: string, request: RequestOptions = {}, parameters: Record<string, unknown> = {}) {
  return ftp.probe(contextFor(t), new URL(link), request, AbortSignal.timeout(60_000), { parameters });
}

const unixLine = (name: string, mode = '-rw-r--r--') => `${mode}   1 anna  users        4 Jan  2  2020 ${name}\r\n`;

describe('FTP', { concurrency: 4, timeout: 120_000 }, () => {
  const plain: [what: string, options: OddFtpOptions, resumable: boolean][] = [
    ['is honest', {}, true],
    ['knows no FEAT', { features: null }, true],
    ['has no MDTM', { without: ['MDTM'] }, true],
    ['has no REST', { features: [], without: ['REST'] }, false],
    ['says yes to REST and ignores it', { features: null, ignoresRest: true }, false],
    ['has no EPSV', { without: ['EPSV'] }, true],
    ['names another host for its data', { without: ['EPSV'], pasv: { address: '10,1,2,3' } }, true],
    ['has another idea of paths', { answers: { PWD: '257 "DISK:[ANNA]"\r\n' } }, true],
    [
      'greets at length',
      { answers: { greeting: `220-Welcome\r\n${'220-to the rules\r\n'.repeat(50)} and\r\n220 you\r\n` } },
      true,
    ],
    ['answers at length', { answers: { TYPE: '200-Yes\r\n 226 not the end\r\n200 Yes\r\n' } }, true],
  ];
  for (const [what, options, resumable] of plain) {
    test(`a server that ${what}`, async (t) => {
      const server = await serveOddFtp(t, { files: { 'file.bin': body }, ...options });
      const { bytes, facts } = await fetchFrom(t, `${server.origin}/file.bin`);
      assert.ok(bytes.equals(body));
      assert.equal(facts.resumable, resumable);
      assert.equal(facts.sizeBytes, body.length);
    });
  }

  test('a server that tells neither size nor time is believed about the end of a file', async (t) => {
    const without = ['SIZE', 'MDTM', 'REST'];
    const server = await serveOddFtp(t, { files: { 'file.bin': body }, features: null, without });
    const { bytes, facts } = await fetchFrom(t, `${server.origin}/file.bin`);
    assert.ok(bytes.equals(body));
    assert.deepEqual([facts.sizeBytes, facts.resumable, facts.validator.lastModified], [null, false, null]);
    for (const options of [{}, { features: null, without, lastWord: '426 The disk is on fire' }]) {
      const cut = await serveOddFtp(t, { files: { 'file.bin': body }, cutAtByte: 900_000, ...options });
      await assert.rejects(fetchFrom(t, `${cut.origin}/file.bin`), { code: 'truncated' });
    }
  });

  test('nobody but the server itself is connected to, whatever address it names', async (t) => {
    let visits = 0;
    const port = await freePort();
    const canary = createServer(() => visits++).listen(port, '127.0.0.2');
    releaseAfter(t, () => canary.close());
    const [high, low] = [port >> 8, port & 255];
    for (const options of [
      { without: ['EPSV'], pasv: { address: '127,0,0,2', port } },
      { answers: { EPSV: `229 Extended (|1|127.0.0.2|${port}|)\r\n`, PASV: `227 Passive (127,0,0,2,${high},${low})\r\n` } },
    ]) {
      const server = await serveOddFtp(t, { files: { 'file.bin': body }, ...options });
      await assert.rejects(fetchFrom(t, `${server.origin}/file.bin`, { maxTries: 1, connectTimeoutMs: 3000 }));
    }
    assert.equal(visits, 0);
  });

  test('loopback is not for everybody', async (t) => {
    const server = await serveOddFtp(t, { files: { 'file.bin': body } });
    const egress = createEgress({ allow: [] });
    await assert.rejects(fetchFrom(t, `${server.origin}/file.bin`, { egress }), { code: 'address_refused' });
    assert.deepEqual(server.commands, []);
  });

  test('names of old are found: as their bytes are written, and as people write them', async (t) => {
    const files = { 'n\xe4me \xff.bin': body };
    const server = await serveOddFtp(t, { files, features: null });
    for (const link of ['/n%E4me%20%FF.bin', '/näme%20ÿ.bin']) {
      // The byte 255 is doubled on the way (RFC 959): this server does not undo that.
      const odd = await serveOddFtp(t, { files: { 'n\xe4me \xff\xff.bin': body }, features: null });
      const { bytes, facts } = await fetchFrom(t, `${odd.origin}${link}`);
      assert.ok(bytes.equals(body));
      assert.equal(facts.suggestedName, 'näme ÿ.bin');
    }
    await assert.rejects(fetchFrom(t, `${server.origin}/other.bin`), { code: 'not_found' });
  });

  test('a link cannot bring a command of its own', async (t) => {
    const server = await serveOddFtp(t, { files: { 'file.bin': body } });
    for (const end of ['%0D%0ADELE%20file.bin', '%0ADELE%20file.bin', '%00']) {
      await assert.rejects(fetchFrom(t, `${server.origin}/file.bin${end}`), { code: 'link_invalid' });
    }
    const user = { name: 'anna\r\nDELE file.bin', password: 'x' };
    await assert.rejects(fetchFrom(t, `${server.origin}/file.bin`, { request: { user } }), { code: 'link_invalid' });
    assert.ok(!server.commands.some((command) => command.startsWith('DELE')));
  });

  test('a server that allows two logins gets two', async (t) => {
    for (const tooMany of ['530 Sorry, the maximum number of clients are connected', '421 Too many connections']) {
      const server = await serveOddFtp(t, { files: { 'file.bin': body }, mostLogins: 2, tooMany });
      const { bytes } = await fetchFrom(t, `${server.origin}/file.bin`, { connections: 6 });
      assert.ok(bytes.equals(body));
      assert.ok(server.mostLogins <= 2);
    }
    const full = await serveOddFtp(t, { files: { 'file.bin': body }, mostLogins: 0 });
    await assert.rejects(fetchFrom(t, `${full.origin}/file.bin`, { maxTries: 1 }), { code: 'busy', retry: 'later' });
  });

  test('a login that somebody gave up is there for the next one', async (t) => {
    const { promise: loginsBegin, resolve: beginLogins } = Promise.withResolvers<void>();
    const server = await serveOddFtp(t, { files: { 'file.bin': body }, loginsBegin });
    const session = ftp.openSession(contextFor(t), new URL(`${server.origin}/file.bin`), {});
    const first = new AbortController();
    const given = session.open(0, null, first.signal);
    while (!server.commands.some((command) => command.startsWith('PASS'))) await sleep(5);
    first.abort(new Error('somebody else took it over'));
    await assert.rejects(given, /somebody else took it over/);
    const opening = session.open(0, null, t.signal);
    beginLogins();
    (await opening).discard();
    assert.equal(server.commands.filter((command) => command.startsWith('PASS')).length, 1);
    session.close();
  });

  test('what speaks something else is told of', async (t) => {
    const endless = [`220-${'a'.repeat(400_000)}`, `220-${'\n'.repeat(400_000)}`, '\r\n'.repeat(400_000)];
    for (const greeting of ['SSH-2.0-OpenSSH_9.2p1\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n', ...endless]) {
      const server = await serveOddFtp(t, { answers: { greeting } });
      await assert.rejects(fetchFrom(t, `${server.origin}/file.bin`, { maxTries: 1 }), { code: 'protocol_error' });
    }
  });

  test('folders of DOS, of old Unix and with names that want out', async (t) => {
    const listings: Record<string, string[]> = {
      dos: [
        '01-02-20  03:04PM       <DIR>          Sub folder\r\n',
        '01-02-2020  03:04PM                    4 read me.txt\r\n',
        '2020-01-02  15:04                    4 other.txt\r\n',
      ],
      unix: [
        'total 3\r\n',
        unixLine('.', 'drwxr-xr-x'),
        unixLine('..', 'drwxr-xr-x'),
        unixLine('Sub folder', 'drwxr-xr-x'),
        unixLine('read me.txt'),
        unixLine('link -> /etc/passwd', 'lrwxrwxrwx'),
        unixLine('device', 'crw-rw-rw-'),
        '-rw-r--r-- 1 anna 4 Jan 2 12:00 other.txt\r\n',
      ],
      hostile: [
        unixLine('../../etc/passwd'),
        unixLine('/etc/passwd'),
        unixLine('..'),
        unixLine('a\0b'),
        unixLine('x'.repeat(1_000_000)),
        `${'y'.repeat(1_000_000)}\n`,
        unixLine('Sub folder', 'drwxr-xr-x'),
        unixLine('read\x07 me.txt'),
        unixLine('read me.txt'),
        unixLine('..\\..\\other.txt'),
      ],
    };
    const wanted = {
      dos: ['top/other.txt', 'top/read me.txt', 'top/Sub folder/deep.txt'],
      unix: ['top/other.txt', 'top/read me.txt', 'top/Sub folder/deep.txt'],
      hostile: ['top/other.txt', 'top/read me.txt', 'top/read me (1).txt', 'top/Sub folder/deep.txt'],
    };
    for (const [kind, lines] of Object.entries(listings)) {
      let folder = '/top';
      const server = await serveOddFtp(t, {
        files: { 'top/x': body, 'top/Sub folder/x': body },
        features: null,
        without: ['MLSD'],
        answers: {
          CWD(path) {
            folder = path;
            return '250 Yes\r\n';
          },
        },
        listing: () => (folder === '/top/' || folder === '/top' ? lines : [unixLine('deep.txt')]),
      });
      const { files, name } = await probe(t, `${server.origin}/top/`);
      assert.equal(name, 'top');
      const found = files.map(({ path, sizeBytes }) => `${path} ${sizeBytes}`).toSorted();
      assert.deepEqual(found, wanted[kind as keyof typeof wanted].map((path) => `${path} 4`).toSorted(), kind);
    }
  });

  test('a folder without an end is given up', async (t) => {
    function* endless() {
      for (let n = 0; ; n++) yield Array.from({ length: 1000 }, (_, i) => `type=file;size=1; file-${n}-${i}\r\n`).join('');
    }
    function* endlessLine() {
      for (;;) yield 'x'.repeat(1_000_000);
    }
    function* deeper() {
      yield 'type=dir; deeper\r\n';
    }
    function* deeperAndLonger() {
      yield `type=dir; ${'d'.repeat(1000)}\r\n`;
      yield `type=file; ${'f'.repeat(1000)}\r\n`;
    }
    let folderCount = 0;
    function* longNames() {
      if (folderCount++ < 7) yield `type=dir; ${'d'.repeat(1000)}\r\n`;
      else yield Array.from({ length: 10_000 }, (_, n) => `type=file; ${n}\r\n`).join('');
    }
    for (const listing of [endless, endlessLine, deeper, deeperAndLonger, longNames]) {
      const server = await serveOddFtp(t, { features: ['MLST type*;size*;'], listing });
      await assert.rejects(probe(t, `${server.origin}/top/`), { code: 'unsupported' });
    }
  });

  test('a folder whose list stops coming is given up', async (t) => {
    const server = await serveOddFtp(t, {
      features: ['MLST type*;size*;'],
      listing: () => ['type=file;size=1; one\r\n', stop],
    });
    const probed = ftp.probe(contextFor(t, 1000), new URL(`${server.origin}/top/`), {}, t.signal, {});
    await assert.rejects(probed, { code: 'stalled', retry: 'later' });
  });

  test('a server that does not end a file is given up while it is looked at, too', async (t) => {
    const server = await serveOddFtp(t, { files: { 'file.bin': body }, features: null, holdsData: true });
    const looking = ftp.probe(contextFor(t, 500), new URL(`${server.origin}/file.bin`), {}, AbortSignal.timeout(60_000));
    await assert.rejects(looking, { code: 'stalled', message: /sent nothing for/ });
  });

  test('a version that is known is told from another', async (t) => {
    const { folder, origin, user } = await serveFtp(t);
    const { put } = putFilesIn(folder);
    put('file.bin', body);
    const ask = (lastModified: string | null) =>
      ftp.changedSince(contextFor(t), new URL(`${origin}/file.bin`), { user }, { etag: null, lastModified }, t.signal);
    const first = await ask(null);
    assert.equal(first?.sizeBytes, body.length);
    assert.equal(await ask(first?.validator.lastModified ?? ''), null);
    put('file.bin', Buffer.from('another'));
    assert.equal((await ask(first?.validator.lastModified ?? ''))?.sizeBytes, 7);
  });

  test('a folder that nobody knew is found by its name alone', async (t) => {
    const server = await serveOddFtp(t, {
      files: { 'top/x': body },
      features: ['MLST type*;size*;'],
      listing: () => ['type=file;size=4; one.txt\r\n'],
      mostLogins: 1,
    });
    const { files } = await probe(t, `${server.origin}/top`);
    assert.deepEqual(files, [{ path: 'top/one.txt', sizeBytes: 4, link: `${server.origin}/top/one.txt` }]);
    await assert.rejects(fetchFrom(t, `${server.origin}/top`), { code: 'unsupported' });
  });

  test('marks of RFC 1738 are no part of the name, and a server of one name may be asked in other ways', async (t) => {
    const { folder, origin, user } = await serveFtp(t);
    putFilesIn(folder).put('file.bin', body);
    for (const mark of ['', ';type=a', ';type=I', ';mode=active', ';mode=active;type=i']) {
      const { bytes, facts } = await fetchFrom(t, `${origin}/file.bin${mark}`, { request: { user }, allow: ['::1'] });
      assert.ok(bytes.equals(body), mark);
      assert.equal(facts.suggestedName, 'file.bin');
    }
    const resolution = await probe(t, `${origin}/file.bin`, { user }, { mode: 'active' });
    assert.equal(resolution.files[0]?.link, `${origin}/file.bin;mode=active`);
    await assert.rejects(probe(t, `${origin}/file.bin`, { user }, { mode: 'sideways' }));
  });

  test('TLS: from the first byte, when it is wanted, and never against the wish of a person', async (t) => {
    const implicit = await serveFtp(t, { tls: 'implicit' });
    putFilesIn(implicit.folder).put('file.bin', body);
    const { folder, certificate, user } = implicit;
    const ca = readFileSync(certificate?.caPath ?? '', 'utf8');
    const request = { user, ca };
    const offered = await serveFtp(t, { tls: 'offered', certificate, folder });
    const plain = await serveFtp(t, { folder });
    const secure = { request, allow: ['::1'] };
    assert.ok((await fetchFrom(t, `${implicit.origin}/file.bin`, secure)).bytes.equals(body));
    for (const link of [`${offered.origin}/file.bin;tls=explicit`, `${offered.origin.replace('ftp', 'ftpes')}/file.bin`]) {
      assert.ok((await fetchFrom(t, link, secure)).bytes.equals(body), link);
    }
    assert.ok((await fetchFrom(t, `${offered.origin}/file.bin;mode=active;tls=explicit`, secure)).bytes.equals(body));
    await assert.rejects(fetchFrom(t, `${implicit.origin}/file.bin`, { request: { user }, allow: ['::1'] }), {
      code: 'tls_failed',
    });
    await assert.rejects(fetchFrom(t, `${plain.origin}/file.bin;tls=explicit`, secure), { code: 'tls_failed' });
  });

  for (const [name, scheme, serve] of [
    ['HTTP', 'http', serveHttpProxy],
    ['SOCKS5', 'socks5', serveSocks5],
  ] as const) {
    test(`every connection goes over a proxy that speaks ${name}`, async (t) => {
      const server = await serveFtp(t, { tls: 'required' });
      putFilesIn(server.folder).put('file.bin', body);
      const tunnel = await serve(t);
      const ca = readFileSync(server.certificate?.caPath ?? '', 'utf8');
      const request = { user: server.user, ca, proxy: `${scheme}://127.0.0.1:${tunnel.port}` };
      const { bytes } = await fetchFrom(t, `${server.origin}/file.bin`, { request, allow: ['::1'], connections: 1 });
      assert.ok(bytes.equals(body));
      assert.ok(tunnel.asked.length >= 2, tunnel.asked.join());
    });
  }
});
