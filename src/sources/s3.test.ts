import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestOptions } from '#core/request.ts';
import type { SourceContext } from '#core/source.ts';
import { conformSource, type SourceFixture } from '#testing/conform-source.ts';
import { type FetchIntoOptions, fetchInto, namesIn } from '#testing/fetch-into.ts';
import { noServices } from '#testing/no-services.ts';
import { startPlainly, untilEnd } from '#testing/run-get.ts';
import { serveCeph } from '#testing/serve-ceph.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { releaseAfter, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { createEgress } from '#wire/egress.ts';
import { createHasher } from '#wire/hasher.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { encodePart, type S3Login } from '#wire/s3.ts';
import { systemClock } from '#wire/system.ts';
import { s3 } from './s3.ts';

const body = sampleBytes(2_000_000, 81);

/** One for the whole file; it starts while the first tests run. */
const starting = serveCeph({ after });
let bucketCount = 0;

const requestOf = ({ accessKey, secret }: S3Login): RequestOptions => ({ user: { name: accessKey, password: secret } });
const encoded = (key: string) => key.split('/').map(encodePart).join('/');

/** A new bucket of the real server. */
async function makeBucket() {
  const ceph = await starting;
  const name = `bucket-${++bucketCount}`;
  await ceph.send('PUT', name);
  const put = async (key: string, bytes: Uint8Array | string, headers: Record<string, string> = {}) =>
    ceph.send('PUT', `${name}/${encoded(key)}`, bytes, headers);
  return { ceph, name, put, link: `s3://${name}/`, parameters: { endpoint: ceph.endpoint } };
}

const cephFiles: SourceFixture = {
  server: 'Ceph',
  async start() {
    const { ceph, link, put, parameters } = await makeBucket();
    const request = requestOf(ceph.login);
    const target = (path: string) => ({ link: `${link}${encoded(path)}`, request, parameters });
    return {
      async put(path, bytes) {
        await put(path, bytes);
      },
      target,
      wrongLogin: (path) => ({
        ...target(path),
        request: { user: { name: ceph.login.accessKey, password: 'wrong-password' } },
      }),
      forbid: (path) => ({ ...target(path), request: requestOf(ceph.stranger) }),
      folder: (path) => target(`${path}/`),
    };
  },
  cannot: {
    'unknown size': 'S3 always tells how large an object is.',
    'huge folder': 'Ten thousand uploads take half a minute; lists of several pages are tried on their own.',
  },
};

conformSource(s3, cephFiles);

type Wish = {
  request?: RequestOptions;
  parameters?: Record<string, unknown>;
  settings?: Record<string, unknown>;
  allow?: string[];
};

async function probe(t: TestContext, link: string, { request = {}, parameters = {}, settings = {}, allow }: Wish = {}) {
  const connections = createKeptConnections();
  releaseAfter(t, () => connections.close());
  const context: SourceContext = {
    ...noServices,
    clock: systemClock,
    egress: createEgress({ allow: allow ?? ['127.0.0.0/8'] }),
    connections,
    connectTimeoutMs: 30_000,
    settings: { s3: settings },
  };
  return s3.probe(context, new URL(link), request, AbortSignal.timeout(60_000), { parameters });
}

/** Probes, then fetches the only file as it was found. */
async function fetchOnly(t: TestContext, link: string, wish: Wish, options: FetchIntoOptions = {}) {
  const found = await probe(t, link, wish);
  assert.equal(found.files.length, 1);
  const at = found.files[0]?.link ?? link;
  return fetchInto(s3, tempFolder(t), at, { request: wish.request ?? {}, connectTimeoutMs: 30_000, ...options });
}

test('keys in the link sign, and are in no link that is told', async (t) => {
  const { ceph, name, put, parameters } = await makeBucket();
  await put('file.bin', body);
  const { accessKey, secret } = ceph.login;
  const found = await probe(t, `s3://${accessKey}:${secret}@${name}/file.bin`, { parameters });
  assert.equal(found.files[0]?.sizeBytes, body.length);
  assert.ok(!JSON.stringify(found).includes(secret), JSON.stringify(found));
  const wrong = probe(t, `s3://nobodyskey:${secret}@${name}/file.bin`, { parameters });
  await assert.rejects(wrong, { code: 'auth_required', message: /does not know this access key \(InvalidAccessKeyId\)/ });
});

test('an open bucket needs no keys, and others say that they do', async (t) => {
  const { name, put, link, parameters } = await makeBucket();
  await put('open.bin', body, { 'x-amz-acl': 'public-read' });
  await put('closed.bin', body);
  assert.ok((await fetchOnly(t, `${link}open.bin`, { parameters })).bytes.equals(body));
  await assert.rejects(probe(t, `${link}closed.bin`, { parameters }), {
    code: 'auth_required',
    message: new RegExp(`The bucket "${name}" is not open to everybody \\(AccessDenied\\)`),
  });
  await assert.rejects(probe(t, 's3://no-such-bucket/key', { parameters }), {
    code: 'not_found',
    message: 'There is no bucket "no-such-bucket" (NoSuchBucket).',
  });
});

test('the endpoint may be a setting of the machine, and the region one of the link', async (t) => {
  const { ceph, put, link } = await makeBucket();
  await put('file.bin', body);
  const request = requestOf(ceph.login);
  const settings = { endpoint: ceph.endpoint };
  assert.equal((await probe(t, `${link}file.bin`, { request, settings })).files[0]?.link, undefined);
  const found = await probe(t, `${link}file.bin?region=us-east-1&pathStyle=true`, { request, settings });
  assert.equal(found.files[0]?.sizeBytes, body.length);
  for (const parameters of [{ endpoint: 'ftp://127.0.0.1' }, { region: '../x' }, { nonsense: 1 }]) {
    await assert.rejects(probe(t, `${link}file.bin`, { request, parameters }), { code: 'link_invalid' });
  }
  for (const odd of ['s3://bucket:9000/key', 's3:///key', 's3://a%2Fb/key', 's3://x/key']) {
    await assert.rejects(probe(t, odd, { request, settings }), { code: 'link_invalid' });
  }
});

test('an older version comes when it is asked for, and a deleted object says that it was', async (t) => {
  const { ceph, name, put, link, parameters } = await makeBucket();
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await ceph.send('PUT', `${name}?versioning`, versioning);
  const first = (await put('file.bin', body)).headers.get('x-amz-version-id') as string;
  await put('file.bin', 'another one');
  const request = requestOf(ceph.login);
  const newest = await fetchOnly(t, `${link}file.bin`, { request, parameters });
  assert.equal(newest.bytes.toString(), 'another one');
  const older = await fetchOnly(t, `${link}file.bin`, { request, parameters: { ...parameters, versionId: first } });
  assert.ok(older.bytes.equals(body));
  assert.ok((await fetchOnly(t, `${link}file.bin?versionId=${first}`, { request, parameters })).bytes.equals(body));
  await ceph.send('DELETE', `${name}/file.bin`);
  await assert.rejects(probe(t, `${link}file.bin`, { request, parameters }), { code: 'not_found' });

  const deleted = await serveAnswers(t, (_, response) => {
    response.writeHead(404, { 'x-amz-delete-marker': 'true', 'Content-Length': 0 });
    response.end();
  });
  await assert.rejects(probe(t, 's3://bucket/key', { request: keys, parameters: { endpoint: deleted.endpoint } }), {
    code: 'not_found',
    message: /This object was deleted/,
  });
});

test('a prefix is many files over several pages, without the objects that stand for folders', async (t) => {
  const { ceph, name, put, link, parameters } = await makeBucket();
  const keys = Array.from({ length: 1100 }, (_, index) => `logs/2024/${index}.log`);
  const waiting = [...keys, 'logs/', 'logs/2025/+ %2B ä.log', 'logs/2025//twice.log', 'other.log'];
  const work = async () => {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) await put(key, 'x');
  };
  await Promise.all(Array.from({ length: 16 }, work));
  const request = requestOf(ceph.login);
  const below = await probe(t, `${link}logs/`, { request, parameters });
  assert.equal(below.name, 'logs');
  assert.equal(below.files.length, 1102);
  const own = below.files.find(({ path }) => path === 'logs/2025/+ %2B ä.log');
  assert.ok(own?.link, JSON.stringify(below.files.slice(-4)));
  assert.equal((await fetchInto(s3, tempFolder(t), own.link, { request })).sizeBytes, 1);
  assert.ok(below.files.some(({ path }) => path === 'logs/2025/twice.log'));
  const some = await probe(t, `${link}logs/2024/109*`, { request, parameters });
  assert.deepEqual(
    some.files.map(({ path }) => path),
    ['1090', '1091', '1092', '1093', '1094', '1095', '1096', '1097', '1098', '1099', '109']
      .toSorted()
      .map((number) => `2024/${number}.log`)
      .toSorted(),
  );
  assert.equal((await probe(t, link, { request, parameters })).name, name);
  assert.equal((await probe(t, link, { request, parameters })).files.length, 1103);
});

test('a bucket is only reached where the gate lets us', async (t) => {
  const { ceph, put, link, parameters } = await makeBucket();
  await put('file.bin', body);
  const request = requestOf(ceph.login);
  for (const at of [`${link}file.bin`, link]) {
    await assert.rejects(probe(t, at, { request, parameters, allow: [] }), { code: 'address_refused' });
  }
  const byName = { endpoint: ceph.endpoint.replace('127.0.0.1', 'localhost') };
  await assert.rejects(probe(t, link, { request, parameters: byName, allow: [] }), { code: 'address_refused' });
});

test('flotilla get goes on after a kill, with keys that are in no file and no output', async (t) => {
  const { ceph, name, put } = await makeBucket();
  const large = sampleBytes(12_000_000, 82);
  await put('some folder/big file.bin', large);
  const { accessKey, secret } = ceph.login;
  const link = `s3://${accessKey}:${secret}@${name}/some%20folder/big%20file.bin`;
  const folder = tempFolder(t);
  const args = ['get', '-d', folder, '--json', '--set', `endpoint=${ceph.endpoint}`, link];
  const killed = await startPlainly(t, [...args, '--limit-rate', '3M']);
  const part = join(folder, 'big file.bin.part');
  const isHalfThere = () => existsSync(part) && statSync(part).blocks * 512 > large.length / 2;
  await until(isHalfThere, 'half of it is there');
  await sleep(500);
  await killed.kill('SIGKILL');
  const journal = readFileSync(`${part}.journal`, 'utf8');

  const ran = await untilEnd(await startPlainly(t, args));
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const events = ran.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const started = events.find(({ event }) => event === 'download.started');
  assert.ok(started.resumedBytes > large.length / 4, `only ${started.resumedBytes} bytes were kept`);
  assert.deepEqual(namesIn(folder), ['big file.bin']);
  assert.ok(readFileSync(join(folder, 'big file.bin')).equals(large));
  assert.ok(![journal, killed.stdout, killed.stderr, ran.stdout, ran.stderr].some((text) => text.includes(secret)));
});

test('flotilla get brings what is below a prefix, in a folder of its name', async (t) => {
  const { ceph, name, put } = await makeBucket();
  for (const key of ['a/photos/1.jpg', 'a/photos/deep/2.jpg', 'a/other.txt']) await put(key, `this is ${key}`);
  const folder = tempFolder(t);
  const user = `${ceph.login.accessKey}:${ceph.login.secret}`;
  const flags = ['--user', user, '--source', `s3.endpoint=${ceph.endpoint}`];
  const ran = await untilEnd(await startPlainly(t, ['get', '-d', folder, ...flags, `s3://${name}/a/photos/`]));
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([namesIn(folder), namesIn(join(folder, 'photos'))], [['photos'], ['1.jpg', 'deep']]);
  assert.equal(readFileSync(join(folder, 'photos', 'deep', '2.jpg'), 'utf8'), 'this is a/photos/deep/2.jpg');
});

// What Ceph does not do

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers as it is told, and remembers what it was asked. */
async function serveAnswers(t: TestContext, answer: Answer) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Serves the whole or a part, as S3 does, with headers of its own. */
function sendBody(headers: Record<string, string>, bytes = body): Answer {
  return ({ headers: asked }, response) => {
    const match = /^bytes=(\d+)-(\d*)$/.exec(String(asked.range));
    const [start, end] = [Number(match?.[1] ?? 0), match?.[2] ? Number(match[2]) + 1 : bytes.length];
    const range = { 'Content-Range': `bytes ${start}-${end - 1}/${bytes.length}` };
    response.writeHead(206, { ...range, ...headers, 'Content-Length': end - start });
    response.end(bytes.subarray(start, end));
  };
}

const sha256 = createHash('sha256').update(body).digest('base64');
const keys: RequestOptions = { user: { name: 'somekey', password: 'somesecret' } };

test('the checksum of a whole object is verified', async (t) => {
  const right = await serveAnswers(t, sendBody({ ETag: '"x-2"', 'x-amz-checksum-sha256': sha256 }));
  const parameters = { endpoint: right.endpoint };
  const { verifiedAgainst } = await fetchOnly(t, 's3://bucket/file.bin', { request: keys, parameters });
  assert.deepEqual(
    verifiedAgainst.map(({ algorithm }) => algorithm),
    ['sha-256'],
  );
  assert.equal(right.asked[0]?.headers['x-amz-checksum-mode'], 'ENABLED');

  const wrong = await serveAnswers(t, sendBody({ ETag: '"x"', 'x-amz-checksum-sha256': sha256.replace(/^./, 'A') }));
  const wish = { request: keys, parameters: { endpoint: wrong.endpoint } };
  await assert.rejects(fetchOnly(t, 's3://bucket/file.bin', wish), { code: 'checksum_mismatch' });
});

/** The digest of a large file is computed while it comes, of a small one at its end. */
for (const sizeBytes of [1_000_003, 5_000_001]) {
  for (const algorithm of ['crc32', 'crc32c', 'crc64nvme', 'sha-1'] as const) {
    test(`the ${algorithm} of ${sizeBytes} bytes is verified`, async (t) => {
      const bytes = sampleBytes(sizeBytes, 83);
      const hasher = createHasher(algorithm);
      hasher.update(bytes);
      const value = Buffer.from(hasher.digest(), 'hex');
      const name = `x-amz-checksum-${algorithm.replace('-', '')}`;
      const wish = async (checksum: Buffer) => {
        const headers = { ETag: '"x"', [name]: checksum.toString('base64'), 'x-amz-checksum-type': 'FULL_OBJECT' };
        const { endpoint } = await serveAnswers(t, sendBody(headers, bytes));
        return { request: keys, parameters: { endpoint } };
      };
      const { verifiedAgainst } = await fetchOnly(t, 's3://bucket/file.bin', await wish(value));
      assert.deepEqual(verifiedAgainst, [{ algorithm, hex: value.toString('hex') }]);
      value[0] = (value[0] as number) ^ 1;
      const fetching = fetchOnly(t, 's3://bucket/file.bin', await wish(value));
      await assert.rejects(fetching, { code: 'checksum_mismatch', message: new RegExp(`its ${algorithm} is`) });
    });
  }
}

test('checksums of parts, and ETags, are no checksums of the object', async (t) => {
  const composite = { 'x-amz-checksum-sha256': sha256, 'x-amz-checksum-type': 'COMPOSITE' };
  const odd: Record<string, string>[] = [
    { ETag: `"${'0'.repeat(32)}"`, ...composite },
    { ETag: '0'.repeat(32), 'x-amz-checksum-sha256': `${sha256}-3` },
    {},
  ];
  for (const headers of odd) {
    const { endpoint } = await serveAnswers(t, sendBody(headers));
    const fetched = await fetchOnly(t, 's3://bucket/file.bin', { request: keys, parameters: { endpoint } });
    assert.ok(fetched.bytes.equals(body));
    assert.deepEqual(fetched.verifiedAgainst, []);
  }
});

test('an ETag is the same with quotes and without', async (t) => {
  let count = 0;
  const answer: Answer = (...exchange) => sendBody({ ETag: count++ % 2 === 0 ? '"abc"' : 'abc' })(...exchange);
  const { endpoint } = await serveAnswers(t, answer);
  const fetched = await fetchOnly(t, 's3://bucket/file.bin', { request: keys, parameters: { endpoint } });
  assert.ok(fetched.bytes.equals(body));
  assert.deepEqual(
    fetched.notes.filter(({ kind }) => kind === 'restarted'),
    [],
  );
});

test('a session token, who pays, and the region that the server names are signed', async (t) => {
  const send = sendBody({ ETag: '"abc"' });
  const { endpoint, asked } = await serveAnswers(t, (request, response) => {
    if (request.headers.authorization?.includes('/eu-north-1/s3/')) return send(request, response);
    response.writeHead(400, { 'x-amz-bucket-region': 'eu-north-1', 'Content-Length': 0 });
    response.end();
  });
  const request: RequestOptions = { ...keys, headers: [{ name: 'X-Amz-Security-Token', value: 'the-token' }] };
  const parameters = { endpoint, requesterPays: true };
  assert.ok((await fetchOnly(t, 's3://bucket/file.bin', { request, parameters })).bytes.equals(body));
  const last = asked.at(-1)?.headers ?? {};
  assert.deepEqual([last['x-amz-security-token'], last['x-amz-request-payer']], ['the-token', 'requester']);
  assert.match(String(last.authorization), /SignedHeaders=host;range;x-amz-[^,]*x-amz-request-payer;x-amz-security-token,/);
  assert.ok(!JSON.stringify(asked.map(({ headers, url }) => [headers, url])).includes('somesecret'));
});

test('a redirect gets neither keys nor signature, and does not lead where the gate does not', async (t) => {
  const inner = await serveAnswers(t, sendBody({}));
  const { endpoint } = await serveAnswers(t, (_, response) => {
    response.writeHead(307, { Location: `${inner.endpoint}/stolen`, 'Content-Length': 0 });
    response.end();
  });
  await probe(t, 's3://bucket/file.bin', { request: keys, parameters: { endpoint } });
  assert.ok(inner.asked.length > 0);
  assert.ok(inner.asked.every(({ headers }) => headers.authorization === undefined && !('x-amz-date' in headers)));

  const metadata = await serveAnswers(t, (_, response) => {
    response.writeHead(307, { Location: 'http://169.254.169.254/latest/meta-data/', 'Content-Length': 0 });
    response.end();
  });
  const wish = { request: keys, parameters: { endpoint: metadata.endpoint } };
  for (const link of ['s3://bucket/file.bin', 's3://bucket/folder/']) {
    await assert.rejects(probe(t, link, wish), { code: 'address_refused' });
  }
});

const errorOf = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
const refusals: [status: number, code: string, expected: string, message: RegExp][] = [
  [403, 'InvalidObjectState', 'refused', /in an archive/],
  [403, 'RequestTimeTooSkewed', 'auth_required', /clock of this machine/],
  [403, 'SignatureDoesNotMatch', 'auth_required', /secret key is wrong/],
  [400, 'ExpiredToken', 'auth_required', /session token is not good any more/],
  [403, 'AccessDenied', 'auth_required', /set requesterPays/],
  [404, 'NoSuchKey', 'not_found', /no such object/],
  [503, 'SlowDown', 'busy', /busy \(503\)/],
  [500, 'InternalError', 'server_error', /problem of its own/],
];
for (const [status, code, expected, message] of refusals) {
  test(`${code} is told as ${expected}, also when its length is not known`, async (t) => {
    for (const isChunked of [false, true]) {
      const text = errorOf(code);
      const { endpoint } = await serveAnswers(t, (_, response) => {
        response.writeHead(status, isChunked ? {} : { 'Content-Length': text.length });
        response.end(text);
      });
      const found = probe(t, 's3://bucket/file.bin', { request: keys, parameters: { endpoint } });
      await assert.rejects(found, { code: expected, message });
    }
  });
}

test('lists that never end, are too long, or are none are refused', async (t) => {
  const page = (inside: string) => `<ListBucketResult>${inside}</ListBucketResult>`;
  const thousand = (token: number) =>
    Array.from({ length: 1000 }, (_, at) => `<Contents><Key>k${token}-${at}</Key><Size>1</Size></Contents>`).join('');
  let token = 0;
  const endless = () =>
    page(`${thousand(++token)}<IsTruncated>true</IsTruncated><NextContinuationToken>t${token}</NextContinuationToken>`);
  const answers: [() => string, RegExp][] = [
    [endless, /more than 100000 objects/],
    [() => page('x'.repeat(5 * 1024 * 1024)), /larger than 4 MiB/],
    [() => '<html></html>', /did not answer with a list of objects/],
    [() => '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><ListBucketResult>&y;</ListBucketResult>', /DOCTYPE/],
  ];
  for (const [text, message] of answers) {
    const { endpoint } = await serveAnswers(t, (_, response) => response.end(text()));
    const found = probe(t, 's3://bucket/', { request: keys, parameters: { endpoint } });
    await assert.rejects(found, { code: 'unsupported', message });
  }
});

test('a list is whole or refused: pages may be empty, and one that does not lead on is no end', async (t) => {
  const answers = [
    '<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken>',
    '<Contents><Key>file</Key><Size>1</Size></Contents>',
  ];
  const list = (inside: string) => `<ListBucketResult>${inside}</ListBucketResult>`;
  const ask = async (page: (at: number) => string) => {
    let at = 0;
    const { endpoint } = await serveAnswers(t, (_, response) => response.end(list(page(at++))));
    return probe(t, 's3://bucket/', { request: keys, parameters: { endpoint } });
  };
  assert.deepEqual(
    (await ask((at) => answers[at] ?? '')).files.map(({ path }) => path),
    ['bucket/file'],
  );
  const file = answers[1];
  const refused: [page: (at: number) => string, message: RegExp][] = [
    [() => `${file}<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`, /does not come to an end/],
    [() => `${file}<IsTruncated>true</IsTruncated>`, /does not come to an end/],
    [(at) => `<IsTruncated>true</IsTruncated><NextContinuationToken>t${at}</NextContinuationToken>`, /does not come to an end/],
  ];
  for (const [page, message] of refused) await assert.rejects(ask(page), { code: 'unsupported', message });
});

test('a prefix with nothing below it is told of, and nothing is taken for a file of it', async (t) => {
  const list = '<ListBucketResult><Contents><Key>none/</Key><Size>0</Size></Contents></ListBucketResult>';
  for (const text of ['<ListBucketResult></ListBucketResult>', list]) {
    const { endpoint } = await serveAnswers(t, (_, response) => response.end(text));
    for (const link of ['s3://bucket/', 's3://bucket/none/', 's3://bucket/no*']) {
      const found = probe(t, link, { request: keys, parameters: { endpoint } });
      await assert.rejects(found, { code: 'not_found', message: /^There are no objects / }, link);
    }
  }
});

test('keys that no link can name are left out and told', async (t) => {
  const keysOf = ['a/../b', './c', 'fine', '..', '../../etc/passwd'];
  const contents = keysOf.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
  const text = `<ListBucketResult>${contents}</ListBucketResult>`;
  const { endpoint } = await serveAnswers(t, (_, response) => response.end(text));
  const found = await probe(t, 's3://bucket/', { request: keys, parameters: { endpoint } });
  assert.deepEqual(
    found.files.map(({ path }) => path),
    ['bucket/fine'],
  );
  assert.deepEqual(found.details?.leftOut, ['a/../b', './c', '..', '../../etc/passwd']);
});
