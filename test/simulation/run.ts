/**
 * Runs worlds: `node test/simulation/run.ts --seeds 20000 [--first 1] [--sqlite] [--trace]`. Ends with 1 at the first seed that
 * breaks a promise, after having told how to repeat it.
 */
import { parseArgs } from 'node:util';
import { runWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    first: { type: 'string', default: '1' },
    sqlite: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
});
const first = Number(values.first);
const startedAtMs = performance.now();
let eventCount = 0;
let failures = 0;
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const { problem, lines, events } = await runWorld(seed, { isTraced: values.trace, isSqlite: values.sqlite });
  eventCount += events;
  if (lines !== null) process.stdout.write(`${lines.join('\n')}\n`);
  if (problem === null) continue;
  failures++;
  process.exitCode = 1;
  process.stdout.write(`seed ${seed}: ${values.all ? problem.message : problem.stack}\n`);
  if (problem.cause !== undefined && !values.all) console.log(problem.cause);
  if (!values.all) process.stdout.write(`repeat it with: node test/simulation/run.ts --first ${seed} --seeds 1 --trace\n`);
  if (!values.all) break;
}
const seconds = (performance.now() - startedAtMs) / 1000;
process.stdout.write(`${values.seeds} seeds, ${failures} failed, ${eventCount} events, ${seconds.toFixed(1)} s\n`);
