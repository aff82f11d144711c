/**
 * Takes each rule out of a copy of the sources, alone and with every other one that is not missed alone, and sees after how
 * many worlds a promise is broken: `node test/simulation/mutants.ts [--seeds 300] [--write]`. With `--write` the table goes into
 * `docs/simulation.md`, where it is said why some are not missed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Rule, rules } from './rules.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    pairSeeds: { type: 'string', default: '300' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const root = join(import.meta.dirname, '../..');
const copy = mkdtempSync(join(tmpdir(), 'flotilla-mutants-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
cpSync(join(root, 'test/simulation'), join(copy, 'test/simulation'), { recursive: true });
cpSync(join(root, 'package.json'), join(copy, 'package.json'));
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

/** The first world that noticed, and what it said; null: none of them. */
type Notice = { worlds: number; seed: number; said: string } | null;

function missing(removed: Rule[], seeds: string): Notice {
  const before = new Map<string, string>();
  for (const { name, file, text, without } of removed) {
    const path = join(copy, 'src', file);
    const source = readFileSync(path, 'utf8');
    if (!before.has(path)) before.set(path, source);
    if (source.split(text).length !== 2) throw new Error(`${file} does not have the text of the rule "${name}" once`);
    writeFileSync(
      path,
      source.replace(text, () => without),
    );
  }
  try {
    return run(seeds);
  } finally {
    for (const [path, source] of before) writeFileSync(path, source);
  }
}

function run(seeds: string): Notice {
  const command = ['test/simulation/run.ts', '--seeds', seeds];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: copy, encoding: 'utf8', timeout: 600_000 });
  if (status === 0) return null;
  const [, seed = '0', said = ''] = /^seed (\d+): (.*)$/m.exec(stdout) ?? [];
  if (seed === '0') throw new Error(`the simulation itself failed: ${stderr}${stdout}`);
  return { worlds: Number(seed), seed: Number(seed), said: shorten(said) };
}

/** Without the ids of that world. */
function shorten(said: string): string {
  const plain = said.replace(/^\w*Error(?: \[\w+\])?: /, '').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
  return plain.replace(/ there is still .*/, ' something is not done').slice(0, 90);
}

const rows: string[] = [];
function tell(name: string, notice: Notice, seeds: string): void {
  const after = notice === null ? `not in ${seeds}` : String(notice.worlds);
  const row = `| ${name} | ${after} | ${notice?.said.replace(/\|/g, '\\|') ?? ''} |`;
  rows.push(row);
  process.stdout.write(`${row}\n`);
}

const chosen = rules.filter(({ name }) => values.only === undefined || name.includes(values.only));
const hidden: Rule[] = [];
for (const rule of chosen) {
  const notice = missing([rule], values.seeds);
  tell(rule.name, notice, values.seeds);
  if (notice === null) hidden.push(rule);
}
for (const [index, one] of hidden.entries()) {
  for (const other of hidden.slice(index + 1)) {
    if (one.file === other.file && one.text === other.text) continue;
    tell(`${one.name} + ${other.name}`, missing([one, other], values.pairSeeds), values.pairSeeds);
  }
}
if (values.write) {
  const path = join(root, 'docs/simulation.md');
  const table = ['| without | noticed after worlds | what was broken |', '| --- | --- | --- |', ...rows].join('\n');
  const [head = ''] = readFileSync(path, 'utf8').split('<!-- mutants -->');
  writeFileSync(path, `${head}<!-- mutants -->\n\n${table}\n`);
}
