import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { releaseAfter } from '#testing/temp.ts';
import { createSteadyTime, keepUp, readSteadyTime } from './steady-time.ts';

const hourMs = 60 * 60_000;

test('replicas whose clocks differ count in the time of the furthest, which never goes back', async (t) => {
  const clocks = [createFakeClock(), createFakeClock(), createFakeClock()] as const;
  const store = await openSqliteStore(':memory:', { clock: clocks[0] });
  releaseAfter(t, () => store.close());
  clocks[1].jump(hourMs);
  clocks[2].jump(-30 * 24 * hourMs);
  const times = clocks.map((clock) => createSteadyTime(clock));
  const round = async () => {
    for (const steadyTime of times) await keepUp({ store, steadyTime }, await store.read(readSteadyTime));
  };
  const [furthestMs = 0] = times.slice(1).map((time) => time.now());
  await round();
  await round();
  assert.deepEqual(
    times.map((time) => time.now()),
    [furthestMs, furthestMs, furthestMs],
  );
  for (const clock of clocks) clock.advance(20_000);
  clocks[1].jump(-5 * hourMs);
  await round();
  assert.deepEqual(
    times.map((time) => time.now()),
    [furthestMs + 20_000, furthestMs + 20_000, furthestMs + 20_000],
  );
});
