import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sources } from './index.ts';

test('every source goes through the suite of promises', () => {
  const folder = import.meta.dirname;
  const tests = globSync('**/*.test.ts', { cwd: folder }).map((path) => readFileSync(join(folder, path), 'utf8'));
  const tried = tests.flatMap((text) => [...text.matchAll(/^conformSource\((\w+),/gm)].map(([, name]) => name));
  assert.deepEqual(
    sources.map(({ kind }) => kind).filter((kind) => !tried.includes(kind)),
    [],
    'sources without a line conformSource(kind, fixture) in a test beside them',
  );
});
