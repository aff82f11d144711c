/**
 * The real control plane and the real worker in worlds that exist only here: see `docs/simulation.md`. A failure names its seed
 * and the command that repeats it; the seed goes into `regress-seeds.txt` with the fix.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { firstSeed } from '#testing/seed.ts';

const worldCount = 2000;

/** In a process of its own: what the test runner remembers of each promise would take ten times as long as the worlds. */
async function run(...options: string[]): Promise<Record<string, number>> {
  const command = [join(import.meta.dirname, 'run.ts'), ...options];
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 1e8 }).catch((error) => {
    throw new Error(`${error.stdout}${error.stderr}`);
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

test('worlds in which a promise was broken once keep it now', async () => {
  const lines = readFileSync(join(import.meta.dirname, 'regress-seeds.txt'), 'utf8').split('\n');
  const seeds = lines.filter((line) => /^\d/.test(line)).map((line) => Number.parseInt(line, 10));
  const { worlds } = await run('--only', seeds.join(','));
  assert.ok(worlds === seeds.length && worlds > 0);
});

test(`${worldCount} worlds from seed ${firstSeed} on keep all promises`, async (t) => {
  const half = worldCount / 2;
  const halves = [firstSeed, firstSeed + half].map((first) => run('--first', String(first), '--seeds', String(half)));
  for (const sum of await Promise.all(halves)) {
    t.diagnostic(JSON.stringify(sum));
    assert.equal(sum.worlds, half);
    for (const name of ['commits', 'claims', 'finishes', 'losses', 'completed'] as const) {
      assert.ok((sum[name] ?? 0) > half / 2, `next to no ${name} in all these worlds`);
    }
  }
});

test('the same seed is the same world', async () => {
  await run('--first', String(firstSeed), '--seeds', '50', '--twice');
});

test('worlds on SQLite keep all promises too, and are the same each time', async () => {
  await run('--first', String(firstSeed), '--seeds', '12', '--twice', '--sqlite');
});
