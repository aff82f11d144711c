import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ControlUnderTest, owner, resolution, startControl, startWorker } from '../testing/start-control.ts';

const page = 'https://videos.example.org/watch/1';
const asVideo = { link: page, options: { as: 'media' } };
const video = { kind: 'resolved', resolution: resolution({ kind: 'media' }) } as const;

const found = { kind: 'resolved', resolution: resolution() } as const;

const startAble = (under: ControlUnderTest) => startWorker(under, 'able', undefined, ['https:', 'media:']);

test('what a scheme does not tell goes to those who can do it, from the first look on', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const [plain, able] = [await startWorker(under), await startAble(under)];
  await under.control.submit(owner, asVideo);
  assert.deepEqual(await plain.claim(), []);
  await able.finish(await able.take('probe'), video);
  assert.deepEqual(await plain.claim(), []);
  await able.take('fetch');
});

test('anybody may find out what it is, and then those fetch it who can', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  await under.control.submit(owner, { link: page, options: {} });
  const look = await plain.take('probe');
  const able = await startAble(under);
  await plain.finish(look, video);
  assert.deepEqual(await plain.claim(), []);
  await able.take('fetch');
});

test('what might be more than was found is looked at by those who can tell', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const [plain, able] = [await startWorker(under), await startAble(under)];
  const { id } = await under.control.submit(owner, { link: page, options: {} });
  await plain.finish(await plain.take('probe'), { ...found, mightBe: 'media' });
  assert.deepEqual(await plain.claim(), []);
  await able.finish(await able.take('probe'), video);
  await able.take('fetch');
  assert.deepEqual(await under.told(id), ['queued', 'started', 'queued', 'started', 'resolved', 'started']);

  const looked = under.control.probe({ link: page, options: {} }, t.signal);
  await new Promise(setImmediate);
  await plain.finish(await plain.take('probe'), { ...found, mightBe: 'media' });
  assert.deepEqual(await plain.claim(), []);
  await able.finish(await able.take('probe'), video);
  assert.equal((await looked).kind, 'media');
});

test('a worker that names any other kind passes nothing on', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const able = await startAble(under);
  await under.control.submit(owner, asVideo);
  await able.finish(await able.take('probe'), { ...found, mightBe: 'torrent' });
  await able.take('fetch');
});

test('what might be more stays what it is where nobody can tell', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  await under.control.submit(owner, { link: page, options: {} });
  await plain.finish(await plain.take('probe'), { ...found, mightBe: 'media' });
  await plain.take('fetch');

  const looked = under.control.probe({ link: page, options: {} }, t.signal);
  await new Promise(setImmediate);
  await plain.finish(await plain.take('probe'), { ...found, mightBe: 'media' });
  assert.equal((await looked).kind, 'http');
});

test('when nobody can do it anybody may, and tells what is missing', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  await under.control.submit(owner, asVideo);
  await plain.take('probe');
});

test('a look at a link of such a kind goes there too', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const [plain, able] = [await startWorker(under), await startAble(under)];
  const looked = under.control.probe(asVideo, t.signal);
  await new Promise(setImmediate);
  assert.deepEqual(await plain.claim(), []);
  await able.finish(await able.take('probe'), video);
  assert.equal((await looked).kind, 'media');
});

test('what waits for those who can do it goes to anybody when the last of them is removed', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  const able = await startAble(under);
  await under.control.submit(owner, asVideo);
  // Who runs is not removed, and who is away for a moment is waited for.
  await under.pass(40_000);
  assert.deepEqual(await plain.claim(), []);
  await under.control.removeWorker(able.id);
  await under.pass(1000);
  await plain.take('probe');
});

test('it goes to anybody when the last of them comes back without what it takes', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  const able = await startAble(under);
  await under.control.submit(owner, asVideo);
  const { id: workerId } = able;
  await under.control.register({ workerId, name: 'able', version: '2', kinds: ['probe', 'fetch'], schemes: ['https:'] });
  await under.pass(1000);
  await plain.take('probe');
});

test('what waits for anybody goes to the first who can do it', async (t) => {
  const under = await startControl(t, { kindsWithoutScheme: ['media'] });
  const plain = await startWorker(under);
  await under.control.submit(owner, asVideo);
  const able = await startAble(under);
  await under.pass(1000);
  assert.deepEqual(await plain.claim(), []);
  await able.take('probe');
});
