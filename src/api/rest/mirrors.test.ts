import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claim as claimInstance, type Started, startApi } from '../testing/start-api.ts';

const hex = (letter: string, length: number) => letter.repeat(length);
const document = `<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="sub/a.iso"><size>300</size><hash type="sha-256">${hex('a', 64)}</hash><hash type="md5">${hex('a', 32)}</hash>
    <pieces length="200" type="sha-1"><hash>${hex('b', 40)}</hash><hash>${hex('c', 40)}</hash></pieces>
    <url priority="1">https://a.example.org/a.iso</url><url priority="2">https://b.example.org/a.iso</url></file>
  <file name="b.iso"><url>https://a.example.org/b.iso</url></file></metalink>`;

async function tellOf({ ask }: Started, method: string, path: string, body?: unknown) {
  const answer = await ask(method, `/api/v1/${path}`, { body });
  const text = await answer.text();
  return { status: answer.status, text, json: JSON.parse(text) };
}

test('mirrors are given, shown without passwords, changed and taken back, and reach the worker whole', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const mirrors = ['https://anna:hidden-word@b.example.org/x', 'https://c.example.org/x'];
  const shown = ['https://anna:***@b.example.org/x', 'https://c.example.org/x'];
  const added = await tellOf(started, 'POST', 'downloads', { url: 'https://a.example.org/x', mirrors });
  assert.deepEqual(added.json.mirrors, shown);
  const claim = await started.worker.run(added.json.id);
  assert.ok(claim.kind === 'fetch');
  assert.deepEqual([claim.options.mirrors, claim.promised], [mirrors, null]);
  const path = `downloads/${added.json.id}`;
  assert.deepEqual((await tellOf(started, 'PATCH', path, { mirrors: [mirrors[1]] })).json.mirrors, [mirrors[1]]);
  assert.deepEqual((await tellOf(started, 'PATCH', path, { mirrors: null })).json.mirrors, []);
  const batch = await tellOf(started, 'POST', 'downloads/batch', { links: [{ url: 'https://a.example.org/y', mirrors }] });
  assert.deepEqual(batch.json.items[0].download.mirrors, shown);
  assert.doesNotMatch(added.text + batch.text, /hidden-word/);
});

test('a mirror is checked like the link itself', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const url = 'https://a.example.org/x';
  for (const [mirror, sentence] of [
    ['nonsense', /is not a link/],
    ['file:///etc/passwd', /cannot fetch file: links/],
  ] as const) {
    const answer = await tellOf(started, 'POST', 'downloads', { url, mirrors: [mirror] });
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.json.detail, sentence);
    const { id } = (await tellOf(started, 'POST', 'downloads', { url })).json;
    assert.equal((await tellOf(started, 'PATCH', `downloads/${id}`, { mirrors: [mirror] })).status, 422);
  }
  const many = Array.from({ length: 101 }, () => url);
  assert.equal((await tellOf(started, 'POST', 'downloads', { url, mirrors: many })).status, 400);
});

test('an uploaded Metalink document becomes one download a file, with all that it says about them', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const request = { bearer: 'hidden-word', userAgent: 'Mozilla/5.0' };
  const added = await tellOf(started, 'POST', 'downloads/batch', { metalink: document, connections: 3, request });
  assert.equal(added.status, 201, added.text);
  const [a, b] = added.json.items.map(({ download }: { download: unknown }) => download);
  assert.partialDeepStrictEqual(a, {
    name: 'a.iso',
    link: 'https://a.example.org/a.iso',
    mirrors: ['https://b.example.org/a.iso'],
    sizeBytes: 300,
    checksum: { algorithm: 'sha-256', hex: hex('a', 64) },
    connections: 3,
  });
  assert.partialDeepStrictEqual(b, { name: 'b.iso', mirrors: [], checksum: null });
  const claim = await started.worker.run(a.id);
  assert.ok(claim.kind === 'fetch');
  assert.deepEqual(claim.promised, {
    sizeBytes: 300,
    digests: [{ algorithm: 'sha-256', hex: hex('a', 64) }],
    pieces: { algorithm: 'sha-1', lengthBytes: 200, hexes: [hex('b', 40), hex('c', 40)] },
  });
  assert.deepEqual(claim.options.request, { userAgent: 'Mozilla/5.0' }, 'nobody said whose the token is');
  const page = await tellOf(started, 'GET', 'downloads');
  const events = await tellOf(started, 'GET', `downloads/${a.id}/events`);
  assert.doesNotMatch(page.text + events.text, new RegExp(hex('b', 40)), 'digests of pieces stay where they are needed');
  const repeat = { 'idempotency-key': 'k' };
  const ask = () =>
    started.ask('POST', '/api/v1/downloads/batch', { body: { metalink: document }, headers: repeat }).then((one) => one.text());
  assert.equal(await ask(), await ask(), 'the same key adds them once');
});

test('a document that is none, or too large, or beside links, adds nothing', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const cases: [body: object, status: number, sentence: RegExp][] = [
    [{ metalink: '<html></html>' }, 422, /it is no Metalink/],
    [{ metalink: document.replace('sub/a.iso', '../a.iso') }, 422, /not one inside a folder/],
    [{ metalink: `<!DOCTYPE x>${document}` }, 422, /it contains a DOCTYPE/],
    [{ metalink: ' '.repeat(1024 * 1024 + 1) }, 400, /metalink/],
    [{ metalink: document, links: [{ url: 'https://a.example.org/x' }] }, 400, /Give either links or a metalink/],
    [{}, 400, /Give either links or a metalink/],
  ];
  for (const [body, status, sentence] of cases) {
    const answer = await tellOf(started, 'POST', 'downloads/batch', body);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json.detail, sentence);
  }
  assert.equal((await tellOf(started, 'GET', 'downloads')).json.counts.all, 0);
});
