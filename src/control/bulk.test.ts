import assert from 'node:assert/strict';
import { test } from 'node:test';
import { owner, startControl } from './testing/start-control.ts';

async function startWithMany(t: Parameters<typeof startControl>[0], count: number) {
  const under = await startControl(t);
  const link = (index: number) => `https://example.org/${index % 2 === 0 ? 'even' : 'odd'}-${index}`;
  const added = await under.control.submitMany(
    owner,
    Array.from({ length: count }, (_, index) => ({ link: link(index), options: {} })),
  );
  return { under, ids: added.flatMap((one) => ('id' in one ? [one.id] : [])), ...under.control };
}

test('all that match are paused, resumed, cancelled, retried, removed and brought back', async (t) => {
  const it = await startWithMany(t, 250);
  const even = { filter: 'queued', q: 'even' } as const;
  const stateCount = async (filter: 'queued' | 'paused' | 'cancelled') =>
    (await it.list(owner, { of: 'list', filter, limit: 500 })).items.filter(({ state }) => state === filter).length;
  assert.equal((await it.actOnMany(owner, { action: 'pause' }, even)).length, 125);
  assert.deepEqual([await stateCount('paused'), await stateCount('queued')], [125, 125]);
  assert.deepEqual(await it.actOnMany(owner, { action: 'pause' }, { filter: 'paused' }), [], 'who is paused needs no pause');
  assert.equal((await it.actOnMany(owner, { action: 'resume' }, { filter: 'all' })).length, 125);
  assert.equal((await it.actOnMany(owner, { action: 'cancel' }, { q: 'odd' })).length, 125);
  assert.equal(await stateCount('cancelled'), 125);
  assert.equal((await it.actOnMany(owner, { action: 'retry' }, {})).length, 125);
  assert.equal((await it.actOnMany(owner, { action: 'remove', files: 'keep' }, {})).length, 250);
  assert.equal((await it.countsOf(owner)).all, 0);
  const restored = await it.actOnMany(owner, { action: 'restore' }, { ids: it.ids });
  assert.ok(restored.every(({ problem }) => problem === null));
  assert.equal((await it.countsOf(owner)).all, 250);
});

test('among those that are named, each that refuses says why', async (t) => {
  const it = await startWithMany(t, 3);
  const [first = '', second = '', third = ''] = it.ids;
  await it.cancel(owner, first);
  await it.remove(owner, second, { files: 'keep' });
  const foreign = (await it.submit('bert', { link: 'https://example.org/b', options: {} })).id;
  const results = await it.actOnMany(owner, { action: 'pause' }, { ids: [first, second, third, foreign, third] });
  assert.deepEqual(
    results.map(({ problem }) => problem),
    [
      'This download is cancelled and cannot be paused.',
      'This download was removed. Restore it first.',
      null,
      'There is no such download. It may have been removed.',
    ],
  );
  assert.equal((await it.get('bert', foreign))?.state, 'queued');
});
