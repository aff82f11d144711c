import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Asked, SourceContext } from '#core/source.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { fetchInto } from '#testing/fetch-into.ts';
import { noServices } from '#testing/no-services.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { type Listed, makeKey, type ScriptedSftpOptions, serveScriptedSftp } from '#testing/serve-scripted-sftp.ts';
import { serveSftp } from '#testing/serve-sftp.ts';
import { serveHttpProxy, serveSocks5 } from '#testing/serve-tunnels.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { sftp } from './sftp.ts';

const body = sampleBytes(2_000_000, 61);
const anna: RequestOptions = { user: { name: 'anna', password: 'secret' } };

type Wish = {
  request?: RequestOptions;
  settings?: Record<string, unknown>;
  asked?: Asked;
  connectTimeoutMs?: number;
  clock?: Clock;
};

/** Probes, and gives what was found with what a person was told. */
async function probe(
  t: Scope,
  link: string,
  { request = anna, settings = {}, asked, connectTimeoutMs = 20_000, clock = systemClock }: Wish = {},
) {
  const connections = createKeptConnections();
  t.after(() => connections.close());
  const told: string[] = [];
  const context: SourceContext = {
    ...noServices,
    clock,
    egress: createEgress({ allow: ['127.0.0.0/8'] }),
    connections,
    connectTimeoutMs,
    settings: { sftp: settings },
    tell: (message) => told.push(message),
  };
  const found = await sftp.probe(context, new URL(link), request, AbortSignal.timeout(60_000), asked);
  return { found, told };
}

async function serve(t: TestContext, options: ScriptedSftpOptions = {}) {
  const server = await serveScriptedSftp(t, { files: { '/file.bin': body }, ...options });
  return { ...server, link: `sftp://127.0.0.1:${server.port}/file.bin` };
}

for (const asks of ['password', 'keyboard-interactive'] as const) {
  test(`a server that asks by ${asks} gets the password, of the link or of the request`, async (t) => {
    const { link, port } = await serve(t, { asks });
    assert.equal((await fetchInto(sftp, tempFolder(t), link, { request: anna })).sizeBytes, body.length);
    const { found } = await probe(t, `scp://anna:secret@127.0.0.1:${port}/file.bin`, { request: {} });
    assert.equal(found.files[0]?.sizeBytes, body.length);
    await assert.rejects(probe(t, link, { request: { user: { name: 'anna', password: 'wrong' } } }), {
      code: 'auth_required',
      message: /^127\.0\.0\.1 does not let "anna" in with this password/,
    });
    await assert.rejects(probe(t, link, { request: {} }), {
      code: 'auth_required',
      message: /wants a password or a key for "anonymous"/,
    });
  });
}

test('the password of a locked key is not told to the server', async (t) => {
  const { link, tried } = await serve(t);
  const request = { ...anna, sshKey: makeKey(anna.user?.password) };
  await assert.rejects(probe(t, link, { request }), { code: 'auth_required' });
  assert.ok(tried.includes('publickey'));
  assert.deepEqual(
    tried.filter((way) => way === 'password' || way === 'keyboard-interactive'),
    [],
  );
  // Of a key that is open it is the password of the user.
  await probe(t, link, { request: { ...anna, sshKey: makeKey() } });
});

test('a locked key is opened with the password, and not without it', async (t) => {
  const server = await serveSftp(t);
  writeFileSync(join(server.folder, 'file.bin'), body);
  const request = (password: string) => ({ user: { name: server.user, password }, sshKey: server.lockedKey });
  const { found } = await probe(t, server.link('file.bin'), { request: request('open sesame') });
  assert.equal(found.files[0]?.sizeBytes, body.length);
  for (const password of ['', 'wrong']) {
    await assert.rejects(probe(t, server.link('file.bin'), { request: request(password) }), {
      code: 'auth_required',
      message: /The SSH key is locked/,
    });
  }
  const noKey = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n';
  await assert.rejects(probe(t, server.link('file.bin'), { request: { sshKey: noKey } }), {
    code: 'auth_required',
    message: /The SSH key cannot be used/,
  });
});

// Who the server is

test('a new server is trusted, told of and remembered; with another key it is refused, and both keys are shown', async (t) => {
  const knownHosts = join(tempFolder(t), 'state', 'known_hosts');
  const port = await freePort();
  const first = await serveScriptedSftp(t, { files: { '/file.bin': body }, port, hostKey: makeKey() });
  const link = `sftp://127.0.0.1:${first.port}/file.bin`;
  const { found, told } = await probe(t, link, { settings: { knownHosts } });
  const before = String(found.details?.hostKey);
  assert.match(before, /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.equal(told.length, 1);
  assert.ok(told.join().includes(before), told.join());
  assert.equal((await probe(t, link, { settings: { knownHosts } })).told.length, 0, 'it is known now');

  const second = await serveScriptedSftp(t, { files: { '/file.bin': body } });
  const text = readFileSync(knownHosts, 'utf8').replaceAll(`:${port} `, `:${second.port} `);
  writeFileSync(knownHosts, text);
  await assert.rejects(
    probe(t, `sftp://127.0.0.1:${second.port}/file.bin`, { settings: { knownHosts } }),
    ({ code, message }: Error & { code: string }) => {
      assert.equal(code, 'refused');
      assert.ok(message.includes(before) && message.match(/SHA256:/g)?.length === 2, message);
      return true;
    },
  );
  assert.equal(readFileSync(knownHosts, 'utf8'), text, 'the other key is not remembered');
});

test('a key that cannot be remembered is told of in a sentence, and can be asked for instead', async (t) => {
  const { link } = await serve(t);
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'folder'));
  for (const knownHosts of [join(folder, 'file', 'known_hosts'), join(folder, 'folder')]) {
    const refused = await probe(t, link, { settings: { knownHosts } }).catch((error: unknown) => error);
    assert.ok(refused instanceof FlotillaError, String(refused));
    assert.equal(refused.code, 'not_writable');
    assert.match(refused.message, /^The key of 127\.0\.0\.1 cannot be remembered in /);
    const [hostKey] = /SHA256:[A-Za-z0-9+/]{43}/.exec(refused.message) ?? [];
    await probe(t, link, { settings: { knownHosts }, asked: { parameters: { hostKey } } });
  }
});

test('what ~/.ssh/known_hosts knows is believed and never changed', async (t) => {
  const server = await serveSftp(t);
  writeFileSync(join(server.folder, 'file.bin'), body);
  const request = { sshKey: server.key };
  const folder = tempFolder(t);
  const [knownHosts, otherKnownHosts] = [join(folder, 'own'), join(folder, 'known_hosts')];
  const other = makeKey();
  writeFileSync(otherKnownHosts, `[127.0.0.1]:${server.port} ${server.hostKey}\n`);
  const { told } = await probe(t, server.link('file.bin'), { request, settings: { knownHosts, otherKnownHosts } });
  assert.deepEqual([told, existsSync(knownHosts)], [[], false]);

  const liar = await serveScriptedSftp(t, { files: { '/file.bin': body }, hostKey: other });
  appendFileSync(otherKnownHosts, `[127.0.0.1]:${liar.port} ${server.hostKey}\n`);
  await assert.rejects(probe(t, `sftp://127.0.0.1:${liar.port}/file.bin`, { settings: { knownHosts, otherKnownHosts } }), {
    code: 'refused',
    message: /shows the key SHA256:/,
  });
});

test('a server without the key that was asked for is refused, before the password is told', async (t) => {
  const server = await serveSftp(t);
  writeFileSync(join(server.folder, 'file.bin'), body);
  const link = server.link('file.bin');
  const request = { sshKey: server.key };
  const right = { parameters: { hostKey: server.fingerprint } };
  const { found } = await probe(t, link, { request, asked: right });
  const pinned = found.files[0]?.link as string;
  assert.ok(pinned.includes('hostKey=SHA256'), pinned);
  const at = pinned.replace('//', `//${server.user}@`);
  assert.ok((await fetchInto(sftp, tempFolder(t), at, { request })).bytes.equals(body));

  const wrong = `SHA256:${'A'.repeat(43)}`;
  await assert.rejects(probe(t, link, { request, asked: { parameters: { hostKey: wrong } } }), { code: 'refused' });
  await assert.rejects(fetchInto(sftp, tempFolder(t), at.replace(/SHA256.*/, encodeURIComponent(wrong)), { request }), {
    code: 'refused',
    message: /SHA256:.*, but SHA256:A{43} the link asks for/,
  });
  await assert.rejects(probe(t, link, { request, settings: { newHosts: 'refuse' } }), {
    code: 'refused',
    message: /was never met before, and new servers are refused here/,
  });
});

// How bytes come

test('a server that answers bit by bit gives the right bytes all the same', async (t) => {
  const { link } = await serve(t, { mostReadBytes: 10_007 });
  const { bytes } = await fetchInto(sftp, tempFolder(t), link, { request: anna, connections: 2 });
  assert.ok(bytes.equals(body));
});

test('a server that does not tell sizes gives whole files', async (t) => {
  const { link } = await serve(t, { hasSizes: false });
  assert.equal((await probe(t, link)).found.files[0]?.sizeBytes, null);
  const { bytes } = await fetchInto(sftp, tempFolder(t), link, { request: anna });
  assert.ok(bytes.equals(body));
});

test('many reads are on their way at the same time', async (t) => {
  const { link, mostReads } = await serve(t);
  await fetchInto(sftp, tempFolder(t), link, { request: anna, connections: 1 });
  assert.ok(mostReads() >= 4, `${mostReads()} at most`);
});

test('a proxy passes SFTP on, and looks the name up', async (t) => {
  const { port } = await serve(t);
  const proxies = [await serveSocks5(t), await serveHttpProxy(t)];
  for (const [at, { port: proxyPort, asked }] of proxies.entries()) {
    const request = { ...anna, proxy: `${at === 0 ? 'socks5' : 'http'}://127.0.0.1:${proxyPort}` };
    const { bytes } = await fetchInto(sftp, tempFolder(t), `sftp://behind.proxy.test:${port}/file.bin`, { request });
    assert.ok(bytes.equals(body));
    assert.ok(asked.length > 0 && asked.every((one) => one.endsWith(`behind.proxy.test:${port}`)), asked.join());
  }
});

test('a server that never answers is given up', async (t) => {
  for (const options of [{ isMute: true }, { neverBegins: true }]) {
    const { link } = await serve(t, options);
    const fetching = fetchInto(sftp, tempFolder(t), link, { request: anna, connectTimeoutMs: 1000, maxTries: 1 });
    await assert.rejects(fetching, { code: 'timed_out', message: /did not answer within 1 s/ });
    await assert.rejects(probe(t, link, { connectTimeoutMs: 1000 }), { code: 'timed_out' });
  }
});

test('a connection that nobody uses any more is ended, for servers seldom do', async (t) => {
  const { link, openCount } = await serve(t);
  const clock = createFakeClock();
  await probe(t, link, { clock });
  clock.advance(10_000);
  assert.equal(openCount(), 1);
  clock.advance(60_000);
  await until(() => openCount() === 0, 'the end of the connection');
});

// Folders

test('symbolic links, pipes and names that would leave the folder are left out of it', async (t) => {
  const { port } = await serve(t, {
    folders: {
      '/odd': [
        ...[
          { name: '..', type: 'folder' as const },
          { name: '../../etc/passwd' },
          { name: 'a/b' },
          { name: 'nul\0' },
          { name: '' },
        ],
        ...[
          { name: 'way out', type: 'symlink' as const },
          { name: 'pipe', type: 'pipe' as const },
        ],
        ...[{ name: 'Same.bin' }, { name: 'same.bin' }, { name: 'con' }, { name: 'x\u202egpj.exe' }],
      ],
    },
  });
  const { found } = await probe(t, `sftp://127.0.0.1:${port}/odd/`);
  const paths = found.files.map(({ path }) => path);
  assert.deepEqual(paths, ['odd/Same.bin', 'odd/_con', 'odd/same (1).bin', 'odd/xgpj.exe']);
  assert.deepEqual(found.details?.leftOut, ['../../etc/passwd', 'a/b', 'nul\0', 'way out', 'pipe']);
});

test('a folder without files is told of', async (t) => {
  const { port } = await serve(t, { folders: { '/empty': [{ name: 'below', type: 'folder' }], '/empty/below': [] } });
  const found = probe(t, `sftp://127.0.0.1:${port}/empty`);
  await assert.rejects(found, { code: 'not_found', message: /^There are no files in the folder / });
});

test('links of OpenSSH out of the folder are not followed, and the folder itself may be one', async (t) => {
  const server = await serveSftp(t);
  mkdirSync(join(server.folder, 'real', 'deep'), { recursive: true });
  writeFileSync(join(server.folder, 'real', 'deep', 'file.bin'), body);
  symlinkSync('/etc', join(server.folder, 'real', 'out'));
  symlinkSync('..', join(server.folder, 'real', 'deep', 'round'));
  symlinkSync('real', join(server.folder, 'alias'));
  const { found } = await probe(t, server.link('alias'), { request: { sshKey: server.key } });
  assert.deepEqual(
    found.files.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [['alias/deep/file.bin', body.length]],
  );
  assert.deepEqual(new Set(found.details?.leftOut as string[]), new Set(['deep/round', 'out']));
});

for (const [what, listed] of [
  ['files', { name: null }],
  ['what is no file', { name: '.', type: 'folder' }],
] as const) {
  test(`a folder that never ends with ${what} is refused with a sentence`, async (t) => {
    const { port } = await serve(t, { endless: { '/endless': Array.from({ length: 2000 }, () => listed) } });
    const probed = probe(t, `sftp://127.0.0.1:${port}/endless/`);
    await assert.rejects(probed, { code: 'unsupported', message: /more than 100000 files/ });
  });
}

test('names that no file system has are left out, and files that no link could name are refused', async (t) => {
  const { port } = await serve(t, { folders: { '/top': [{ name: 'x'.repeat(1025) }, { name: 'ä'.repeat(500) }] } });
  const { found } = await probe(t, `sftp://127.0.0.1:${port}/top/`);
  assert.equal(found.files.length, 1);
  assert.deepEqual(found.details?.leftOut, ['x'.repeat(1024)]);
  for (const [depth, fileCount, message] of [
    [3, 1, /longer than 8192/],
    [30, 5000, /names alone are more than any folder has/],
  ] as const) {
    const part = 'ä'.repeat(500);
    const folders: Record<string, Listed[]> = {};
    for (let at = 0; at < depth; at++) folders[`/top${`/${part}`.repeat(at)}`] = [{ name: part, type: 'folder' }];
    folders[`/top${`/${part}`.repeat(depth)}`] = Array.from({ length: fileCount }, (_, name) => ({ name: `${name}` }));
    const deep = await serve(t, { folders });
    await assert.rejects(probe(t, `sftp://127.0.0.1:${deep.port}/top/`), { code: 'unsupported', message });
  }
});
