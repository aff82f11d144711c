/**
 * Runs worlds: `node test/simulation/run.ts --seeds 20000 [--first 1] [--only 3,8] [--sqlite] [--trace]`. Ends with 1 at the
 * first seed that breaks a promise, after having told how to repeat it; with `--all` it goes on. `--twice`: each world must go
 * the same way again.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { runWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    first: { type: 'string', default: '1' },
    /** These seeds, instead of `seeds` from `first` on. */
    only: { type: 'string' },
    sqlite: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
});
const { sqlite: isSqlite, trace: isTraced, twice: isTwice } = values;
const count = Number(values.seeds);
const seeds = values.only?.split(',').map(Number) ?? Array.from({ length: count }, (_, index) => Number(values.first) + index);
const startedAtMs = performance.now();
const seconds = () => (performance.now() - startedAtMs) / 1000;
const sum = { worlds: 0, failures: 0, events: 0, commits: 0, claims: 0, finishes: 0, losses: 0, completed: 0 };

async function run(seed: number): Promise<Error | null> {
  const { problem, lines, events, counts } = await runWorld(seed, { isTraced: isTraced || isTwice, isSqlite });
  sum.worlds++;
  sum.events += events;
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name];
  if (isTraced) process.stdout.write(`${lines?.join('\n')}\n`);
  if (problem !== null || !isTwice) return problem;
  const again = await runWorld(seed, { isTraced: true, isSqlite });
  try {
    assert.deepEqual(again.lines, lines, 'it did not go the same way again');
    return null;
  } catch (error) {
    return error as Error;
  }
}

for (const seed of seeds) {
  const problem = await run(seed);
  if (problem === null) continue;
  sum.failures++;
  process.exitCode = 1;
  process.stdout.write(`seed ${seed}: ${values.all ? problem.message : problem.stack}\n`);
  if (values.all) continue;
  if (problem.cause !== undefined) process.stdout.write(`${(problem.cause as Error).stack}\n`);
  process.stdout.write(`repeat it with: node test/simulation/run.ts --first ${seed} --seeds 1 --trace\n`);
  break;
}
process.stdout.write(`${JSON.stringify({ ...sum, seconds: Math.round(seconds()) })}\n`);
