/** The linter's own rules are tested here: a rule that stops biting would not be noticed otherwise. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';

const root = join(import.meta.dirname, '..');

/** A file that breaks a rule, and what the complaint must name. */
const offences = [
  ['src/lib/a.ts', "import { sleep } from '#core/clock.ts';\nexport const a = sleep;\n", 'lib imports only itself'],
  ['src/core/b.ts', "import { readFile } from 'node:fs/promises';\nexport const a = readFile;\n", 'passed in as ports'],
  ['src/core/c.ts', "import { Worker } from '#worker/worker.ts';\nexport const a = Worker;\n", 'core imports only lib'],
  ['src/core/d.ts', 'export const a = Date.now();\n', 'Time and chance are passed in'],
  ['src/transfer/e.ts', 'export const a = Math.random();\n', 'Time and chance are passed in'],
  ['src/transfer/f.ts', 'export const a = setTimeout(() => {}, 1);\n', 'setTimeout'],
  ['src/control/g.ts', "import { http } from '#sources/http.ts';\nexport const a = http;\n", 'control imports only core, lib'],
  ['src/control/h.ts', "import fastify from 'fastify';\nexport const a = fastify;\n", 'Control knows no HTTP'],
  ['src/control/i.ts', "import { Kysely } from 'kysely';\nexport const a = Kysely;\n", 'Only store/ contains SQL'],
  ['src/worker/j.ts', "import { a } from '#control/g.ts';\nexport const b = a;\n", 'worker imports only transfer, core, lib'],
  ['src/worker/k.ts', 'export const a = fetch;\n', 'fetch'],
  ['src/sources/l.ts', "import { http } from './http.ts';\nexport const a = http;\n", 'never import their siblings'],
  [
    'src/sources/m.ts',
    "import { local } from '#destinations/local.ts';\nexport const a = local;\n",
    'sources imports only wire, core, lib',
  ],
  ['src/destinations/n.ts', 'export const a = process.env.HOME;\n', 'noProcessEnv'],
  [
    'src/wire/o.ts',
    "import { DatabaseSync } from 'node:sqlite';\nexport const a = DatabaseSync;\n",
    'Only store/ contains SQL',
  ],
  ['src/lib/r.test.ts', 'export const a = Math.random();\n', 'Chance in tests begins with'],
  ['src/lib/s.test.ts', "import fc from 'fast-check';\nexport const a = fc;\n", 'Chance in tests begins with'],
  ['src/api/p.ts', "import { q } from './q.ts';\nexport const p = q;\n", 'cycle'],
  ['src/api/q.ts', "import { p } from './p.ts';\nexport const q = p;\n", 'cycle'],
] as const;

let report = '';

before((t) => {
  const folder = tempFolder(t as never);
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  cpSync(join(root, 'tools/lint'), join(folder, 'tools/lint'), { recursive: true });
  for (const [path, text] of offences) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const biome = join(root, 'node_modules/.bin/biome');
  const { stdout } = spawnSync(biome, ['lint', '--vcs-enabled=false', '--max-diagnostics=200', '--reporter=github', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });
  report = stdout;
});

for (const [path, , complaint] of offences) {
  test(`${path} is refused: ${complaint}`, () => {
    const lines = report.split('\n').filter((line) => line.includes(`/${path},`));
    assert.ok(
      lines.some((line) => line.includes(complaint)),
      lines.join('\n') || `nothing was said about it:\n${report}`,
    );
  });
}
