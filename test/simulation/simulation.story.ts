/**
 * The real control plane and the real worker in worlds that exist only here: see `docs/simulation.md`. A failure names its seed
 * and the command that repeats it; the seed goes into `regress-seeds.txt` with the fix.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Ran, runWorld } from './world.ts';

/** Each run sees worlds that no run saw before, and prints where it began. */
const firstSeed = Math.floor(Math.random() * 1e9);
/** As many as there is time for: two thousand on a machine that does nothing else. */
const mostSeeds = 2000;
const leastSeeds = 300;
const enoughMs = 60_000;

async function check(seed: number): Promise<Ran['counts']> {
  const { problem, counts } = await runWorld(seed);
  if (problem === null) return counts;
  const repeat = `node test/simulation/run.ts --first ${seed} --seeds 1 --trace`;
  throw new Error(`seed ${seed} (repeat it with: ${repeat}): ${problem.message}`, { cause: problem });
}

test('worlds in which a promise was broken once keep it now', async () => {
  const lines = readFileSync(join(import.meta.dirname, 'regress-seeds.txt'), 'utf8').split('\n');
  const seeds = lines.filter((line) => /^\d/.test(line)).map((line) => Number.parseInt(line, 10));
  assert.ok(seeds.length > 0);
  for (const seed of seeds) await check(seed);
});

test(`worlds from seed ${firstSeed} on keep all promises`, async (t) => {
  const sum = { commits: 0, claims: 0, finishes: 0, losses: 0, completed: 0 };
  const startedAtMs = performance.now();
  let count = 0;
  while (count < leastSeeds || (count < mostSeeds && performance.now() - startedAtMs < enoughMs)) {
    const counts = await check(firstSeed + count++);
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counts[name];
  }
  t.diagnostic(`${count} worlds with ${JSON.stringify(sum)}`);
  for (const [name, times] of Object.entries(sum)) assert.ok(times > count / 2, `next to no ${name} in all these worlds`);
});

test('the same seed is the same world', async () => {
  for (let seed = firstSeed; seed < firstSeed + 50; seed++) {
    assert.equal((await runWorld(seed)).trace, (await runWorld(seed)).trace, `seed ${seed}`);
  }
});

test('a world on SQLite goes as in memory', async () => {
  for (let seed = firstSeed; seed < firstSeed + 10; seed++) {
    const inMemory = await runWorld(seed, { mayRestore: false, isTraced: true });
    const onSqlite = await runWorld(seed, { mayRestore: false, isTraced: true, isSqlite: true });
    assert.deepEqual(onSqlite.lines, inMemory.lines, `seed ${seed}`);
  }
});
