import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDownload, addForeigner, owner, startApi } from '../testing/start-api.ts';

test('downloads are read by their ids, but for those of others and those that are none', async (t) => {
  const api = await startApi(t);
  await api.users.openClaim();
  await addForeigner(api);
  const ownerId = await owner(api);
  const mine = [await addDownload(api, ownerId), await addDownload(api, ownerId)];
  await addDownload(api, ownerId);
  const foreign = await addDownload(api, 'foreigner');
  const named = async (ids: string[]) => api.ask('GET', `/api/v1/downloads?ids=${ids.join(',')}&state=failed`);
  const answer = await named([...mine, mine[0] ?? '', foreign, 'unknown']);
  const { items, nextCursor, counts } = (await answer.json()) as {
    items: { id: string }[];
    nextCursor: null;
    counts: { all: number };
  };
  assert.deepEqual(items.map(({ id }) => id).sort(), mine.sort());
  assert.deepEqual([nextCursor, counts.all], [null, 3]);
  assert.equal((await named(['x', ''])).status, 400);
  assert.equal((await named(Array.from({ length: 201 }, (_, index) => String(index)))).status, 400);
  assert.equal((await api.ask('GET', '/api/v1/history?ids=x')).status, 200, 'the history knows no such thing');
});
