import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addForeigner, claim as claimInstance, startApi } from '../testing/start-api.ts';

const url = 'https://example.org/file.iso';

async function start(t: Parameters<typeof startApi>[0]) {
  const started = await startApi(t);
  await claimInstance(started);
  const tell = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await started.ask(method, `/api/v1/${path}`, { body, headers });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? null : JSON.parse(text) };
  };
  return { ...started, tell, stop: new AbortController() };
}

test('a look that takes longer says so, and is asked for again by its id until it is there', async (t) => {
  const { tell, worker, stop } = await start(t);
  const first = await tell('POST', 'probe', { url, waitSeconds: 0.05 });
  assert.equal(first.status, 202);
  assert.equal(first.json.looking, true);
  const again = tell('GET', `probe/${first.json.id}`);
  await worker.answerLook(stop.signal);
  const found = await again;
  assert.equal(found.status, 200);
  assert.equal(found.json.kind, 'http');
  const kept = await tell('POST', 'probe', { url, waitSeconds: 0 });
  assert.equal(kept.status, 200, 'nobody has to look again within a minute');
});

test('another way to ask is another look, and nobody hears of the looks of others', async (t) => {
  const started = await start(t);
  const { tell } = started;
  const ids = [];
  for (const more of [{}, { as: 'http' }, { parameters: { x: 1 } }, { request: { userAgent: 'x' } }, {}]) {
    ids.push((await tell('POST', 'probe', { url, waitSeconds: 0, ...more })).json.id);
  }
  assert.equal(new Set(ids).size, 4);
  assert.equal(ids[0], ids[4]);
  const authorization = `Bearer ${await addForeigner(started)}`;
  assert.equal((await tell('GET', `probe/${ids[0]}`, undefined, { authorization })).status, 404);
  await tell('DELETE', `probe/${ids[0]}`, undefined, { authorization });
  assert.equal((await tell('POST', 'probe', { url, waitSeconds: 0 })).json.id, ids[0], 'it was not theirs to end');
});

test('a look that is given up is over', async (t) => {
  const { tell, control, worker, stop } = await start(t);
  const { id } = (await tell('POST', 'probe', { url, waitSeconds: 0 })).json;
  assert.equal((await tell('DELETE', `probe/${id}`)).status, 204);
  assert.equal((await tell('GET', `probe/${id}`)).status, 404);
  assert.equal((await tell('DELETE', `probe/${id}`)).status, 204, 'twice is once');
  const later = tell('POST', 'probe', { url: `${url}?other` });
  await worker.answerLook(stop.signal);
  assert.equal((await later).status, 200);
  assert.equal((await control.list('', { of: 'list', limit: 1 })).items.length, 0);
});

test('a Metalink document is looked at without adding it, and a part of its files is added', async (t) => {
  const { tell } = await start(t);
  const file = (name: string) => `<file name="${name}"><size>7</size><url>https://example.org/${name}</url></file>`;
  const metalink = `<metalink xmlns="urn:ietf:params:xml:ns:metalink">${['a/1', 'a/2', 'b/3', '4'].map(file).join('')}</metalink>`;
  const { json } = await tell('POST', 'probe', { metalink });
  assert.deepEqual([json.kind, json.files], ['metalink', ['a/1', 'a/2', 'b/3', '4'].map((path) => ({ path, sizeBytes: 7 }))]);
  const added = await tell('POST', 'downloads/batch', { metalink, files: '1-2' });
  assert.deepEqual(
    added.json.items.map((item: { download: { name: string } }) => item.download.name),
    ['2', '3'],
  );
  assert.equal((await tell('POST', 'downloads/batch', { metalink, files: '9' })).status, 422);
  assert.equal((await tell('POST', 'probe', { metalink: '<metalink/>' })).status, 422);
  assert.equal((await tell('POST', 'probe', { metalink, url })).status, 400);
});

test('each link of many has its own kind, parameters and files', async (t) => {
  const { tell, worker } = await start(t);
  const links = [{ url, as: 'http', parameters: { x: 1 }, files: '0' }, { url: `${url}?2` }];
  const { json } = await tell('POST', 'downloads/batch', { links, as: 'media' });
  const told = [];
  for (const { download } of json.items) {
    const claim = await worker.run(download.id);
    assert.ok(claim.kind === 'fetch');
    const { as, parameters, files } = claim.options;
    told.push([as, parameters, files]);
  }
  assert.deepEqual(told, [
    ['http', { x: 1 }, '0'],
    ['media', undefined, undefined],
  ]);
});

test('kinds of links are told with what may be chosen, and whether a worker can do them', async (t) => {
  const parameters = { type: 'object', properties: { tls: { enum: ['no', 'explicit'], default: 'no' } } };
  const started = await startApi(t, {
    kinds: [
      { kind: 'http', schemes: ['http:', 'https:'], told: ['http:', 'https:'], parameters: null },
      { kind: 'ftp', schemes: ['ftp:'], told: ['ftp:'], parameters },
      { kind: 'media', schemes: [], told: ['media:'], parameters: null },
      { kind: 'links', schemes: [], told: null, parameters: null },
    ],
  });
  await claimInstance(started);
  const look = started.ask('POST', '/api/v1/probe', { body: { url } });
  await started.worker.answerLook(new AbortController().signal);
  await look;
  const told = await (await started.ask('GET', '/api/v1/sources')).json();
  assert.deepEqual(told, [
    { kind: 'http', schemes: ['http:', 'https:'], parameters: null, ready: true },
    { kind: 'ftp', schemes: ['ftp:'], parameters, ready: false },
    { kind: 'media', schemes: [], parameters: null, ready: false },
    { kind: 'links', schemes: [], parameters: null, ready: true },
  ]);
});
