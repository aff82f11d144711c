import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { claim, startApi } from '../testing/start-api.ts';

const api = await startApi({ after });
const { userId: id } = await claim(api);
const ask = async (method: string, path: string, body?: unknown) => {
  const response = await api.ask(method, `/api/v1${path}`, { body });
  return { status: response.status, text: await response.text() };
};
const rule = { host: 'example.org', bytesPerSecond: null, connections: null, downloads: null };
const week = Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => 'full'));

test('limits, rules and timetable are kept, and told with the zone that the timetable is read in', async () => {
  const wanted = {
    limitBytesPerSecond: 5_000_000,
    limitedBytesPerSecond: 100_000,
    hostRules: [{ ...rule, connections: 3 }],
    timetable: week,
  };
  assert.equal((await ask('PATCH', '/settings', wanted)).status, 200);
  const settings = JSON.parse((await ask('GET', '/settings')).text);
  assert.partialDeepStrictEqual(settings, wanted);
  assert.equal(settings.timeZone, 'UTC');
  assert.equal(JSON.parse((await ask('PATCH', '/settings', { limitBytesPerSecond: null })).text).limitBytesPerSecond, null);
});

const refused: [what: string, body: object, sentence: RegExp][] = [
  ['a speed that is next to nothing', { limitBytesPerSecond: 10 }, /1024/],
  ['a rule about a link', { hostRules: [{ ...rule, host: 'https://example.org/' }] }, /without a port/],
  ['a rule without all its fields', { hostRules: [{ host: 'example.org' }] }, /bytesPerSecond/],
  ['a week of six days', { timetable: week.slice(1) }, /timetable/],
  ['a day of 23 hours', { timetable: [week[0]?.slice(1), ...week.slice(1)] }, /timetable/],
  ['an hour of another kind', { timetable: week.map((day) => day.map(() => 'slow')) }, /timetable/],
  ['the time zone', { timeZone: 'Europe/Paris' }, /timeZone/],
];
for (const [what, body, sentence] of refused) {
  test(`${what} is refused with a sentence`, async () => {
    const { status, text } = await ask('PATCH', '/settings', body);
    assert.equal(status, 400, text);
    assert.match(text, sentence);
  });
}

test('what a user is allowed is kept, and taken back', async () => {
  const changed = await ask('PATCH', `/users/${id}/limits`, { limitBytesPerSecond: 4096, maxActive: 2 });
  assert.partialDeepStrictEqual(JSON.parse(changed.text), { id, limitBytesPerSecond: 4096, maxActive: 2 });
  await ask('PATCH', `/users/${id}/limits`, { maxActive: null });
  const [user] = JSON.parse((await ask('GET', '/users')).text);
  assert.partialDeepStrictEqual(user, { id, limitBytesPerSecond: 4096, maxActive: null });
  assert.equal((await ask('PATCH', '/users/nobody/limits', { maxActive: 1 })).status, 404);
});

test('a user who may have no more downloads is refused with the limit named', async () => {
  const limits = { maxQueued: 1, maxBytesPerDownload: 2 ** 40, weight: 2 };
  const { status, text } = await ask('PATCH', `/users/${id}/limits`, limits);
  assert.equal(status, 200);
  assert.partialDeepStrictEqual(JSON.parse(text), limits);
  assert.equal((await ask('POST', '/downloads', { url: 'https://example.org/one' })).status, 201);
  const refused = await ask('POST', '/downloads', { url: 'https://example.org/two' });
  assert.equal(refused.status, 409);
  assert.match(JSON.parse(refused.text).detail, /may have 1 unfinished downloads/);
  await ask('PATCH', `/users/${id}/limits`, { maxQueued: null, maxBytesPerDownload: null });
});
