import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import type { Resolution } from '#core/resolution.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createProbes } from './probes.ts';
import { never, resolution } from './testing/start-control.ts';

function start() {
  const clock = createFakeClock();
  let ids = 0;
  const probes = createProbes(clock, () => `p${++ids}`);
  const looks: (PromiseWithResolvers<Resolution> & { signal: AbortSignal })[] = [];
  const look = (signal: AbortSignal) => {
    const one = { ...Promise.withResolvers<Resolution>(), signal };
    signal.addEventListener('abort', () => one.reject(signal.reason));
    looks.push(one);
    return one.promise;
  };
  return { clock, probes, looks, begin: (asked = 'a', ownerId = 'anna') => probes.begin(ownerId, asked, look) };
}

test('whoever asks hears after a while that it is still looked at, and gets the answer when asking again', async () => {
  const { clock, probes, looks, begin } = start();
  const id = begin();
  const first = probes.wait('anna', id, 2500, never);
  clock.advance(2500);
  assert.equal(await first, 'looking');
  clock.advance(9000);
  const second = probes.wait('anna', id, 2500, never);
  looks[0]?.resolve(resolution());
  assert.deepEqual(await second, resolution());
});

test('the same look serves who asks for the same, for a minute after its answer; another owner gets another', async () => {
  const { clock, probes, looks, begin } = start();
  const id = begin();
  assert.equal(begin(), id);
  assert.notEqual(begin('b'), id);
  assert.notEqual(begin('a', 'boris'), id);
  assert.equal(looks.length, 3);
  looks[0]?.resolve(resolution());
  await probes.wait('anna', id, 0, never);
  clock.advance(59_000);
  assert.equal(begin(), id);
  clock.advance(1000);
  assert.notEqual(begin(), id);
  assert.equal(await probes.wait('anna', id, 0, never), 'unknown');
  assert.equal(await probes.wait('boris', begin(), 0, never), 'unknown');
});

test('a failure is told once more to who asks again for it, and looked at anew by who asks for the link', async () => {
  const { probes, looks, begin } = start();
  const id = begin();
  looks[0]?.reject(new FlotillaError('auth_required', 'It wants a password.'));
  for (const _ of [1, 2]) await assert.rejects(probes.wait('anna', id, 1000, never), { code: 'auth_required' });
  assert.notEqual(begin(), id);
});

test('a look ends at once when the only one who waits goes away, and not while another waits', async () => {
  const { probes, looks, begin } = start();
  const id = begin();
  const [one, other] = [new AbortController(), new AbortController()];
  const waits = [one, other].map(({ signal }) => assert.rejects(probes.wait('anna', id, 60_000, signal), /gone/));
  one.abort(new Error('gone'));
  await waits[0];
  assert.equal(looks[0]?.signal.aborted, false);
  other.abort(new Error('gone'));
  await waits[1];
  assert.equal(looks[0]?.signal.aborted, true);
});

test('a look ends when nobody asks again, when it is cancelled, and when all of them are', async () => {
  const { clock, probes, looks, begin } = start();
  const id = begin();
  const waited = probes.wait('anna', id, 1000, never);
  clock.advance(1000);
  await waited;
  clock.advance(10_000);
  assert.equal(looks[0]?.signal.aborted, true);
  const second = begin();
  probes.cancel('boris', second);
  assert.equal(looks[1]?.signal.aborted, false, 'it is none of his');
  probes.cancel('anna', second);
  assert.equal(looks[1]?.signal.aborted, true);
  begin();
  probes.close();
  assert.equal(looks[2]?.signal.aborted, true);
});

test('large answers are forgotten first, whatever is large in them, but never the newest; and there is a limit', async () => {
  const { probes, looks, begin } = start();
  const large = [
    { files: Array.from({ length: 1000 }, () => ({ path: 'x'.repeat(30_000), sizeBytes: 1 })) },
    { details: { comment: 'x'.repeat(30_000_000) } },
    { details: { comment: 'x'.repeat(60_000_000) } },
  ];
  const ids = large.map((_, index) => begin(`${index}`));
  for (const [index, change] of large.slice(0, 2).entries()) {
    looks[index]?.resolve(resolution(change));
    assert.notEqual(await probes.wait('anna', ids[index] ?? '', 0, never), 'unknown');
  }
  assert.equal(await probes.wait('anna', ids[0] ?? '', 0, never), 'unknown');
  assert.equal(begin('1'), ids[1]);
  looks[2]?.resolve(resolution(large[2]));
  for (const _ of [1, 2]) assert.notEqual(await probes.wait('anna', ids[2] ?? '', 0, never), 'unknown');
  assert.equal(await probes.wait('anna', ids[1] ?? '', 0, never), 'unknown');
  assert.throws(() => Array.from({ length: 1001 }, (_, index) => begin(`many ${index}`)), { code: 'busy' });
});
