import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolution } from '#control/testing/start-control.ts';
import type { Claim } from '#core/protocol.ts';
import { claim as claimInstance, startApi } from '../testing/start-api.ts';

const never = new AbortController().signal;

test('files of a download come page by page, each with how much of it is here and whether it was chosen', async (t) => {
  const started = await startApi(t);
  await claimInstance(started);
  const { ask, control } = started;
  const tell = async (method: string, path: string, body?: unknown) =>
    JSON.parse(await (await ask(method, `/api/v1/${path}`, { body })).text());
  const { workerId } = await control.register({
    workerId: null,
    name: 'box',
    version: '1',
    kinds: ['probe', 'fetch'],
    schemes: ['https:'],
  });
  const room = { probe: 9, fetch: 9, deliver: 0, erase: 0 };
  const take = async (): Promise<Claim> => {
    const [claim] = await control.claim({ workerId, room, waitMs: 0 }, never);
    assert.ok(claim);
    return claim;
  };
  const { id } = await tell('POST', 'downloads', { url: 'https://example.org/folder/', files: '1-449' });
  const probe = await take();
  const files = Array.from({ length: 450 }, (_, index) => ({ path: `folder/${index}.bin`, sizeBytes: 10 }));
  const outcome = { kind: 'resolved', resolution: resolution({ files }) } as const;
  await control.finish({ workerId, taskId: probe.taskId, epoch: probe.epoch, outcome });
  const { taskId, epoch } = await take();
  const progress = {
    ...{ taskId, epoch, phase: 'fetch' as const, doneBytes: 14, sizeBytes: 4490, speedBytesPerSecond: 1 },
    ...{ connections: [], stretches: [], ranges: [[0, 12] as [number, number], [18, 20] as [number, number]] },
  };
  await control.report({ workerId, tasks: [progress], holding: [id] });

  const first = await tell('GET', `downloads/${id}/files?limit=3`);
  assert.deepEqual(
    first.map(({ path, wanted, doneBytes }: Record<string, unknown>) => [path, wanted, doneBytes]),
    [
      ['folder/0.bin', false, null],
      ['folder/1.bin', true, 10],
      ['folder/2.bin', true, 4],
    ],
  );
  const last = await tell('GET', `downloads/${id}/files?cursor=448&limit=200`);
  assert.deepEqual(
    last.map(({ index, doneBytes }: Record<string, unknown>) => [index, doneBytes]),
    [
      [448, 0],
      [449, 0],
    ],
  );
  assert.equal((await tell('GET', `downloads/${id}/files`)).length, 450);
  assert.equal((await ask('GET', `/api/v1/downloads/${id}/files?limit=0`)).status, 400);
});
