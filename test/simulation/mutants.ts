/**
 * Takes each rule out of a copy of the sources, and sees after how many worlds a promise is broken:
 * `node test/simulation/mutants.ts [--seeds 300] [--write]`. A rule that is not missed alone is taken out together with every
 * other one too, because one of them may hide the other. With `--write` what was found goes into `docs/simulation.md`, where it is
 * said why some are not missed.
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
    /** Worlds for a rule that was not missed in `seeds` of them. */
    longSeeds: { type: 'string', default: '300' },
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
type Notice = { seed: number; said: string } | null;

/** The copy's files without these rules; throws when a rule is not where it should be. */
function without(removed: Rule[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const { name, file, text, without } of removed) {
    const source = sources.get(file) ?? readFileSync(join(copy, 'src', file), 'utf8');
    if (source.split(text).length !== 2) throw new Error(`${file} does not have the text of the rule "${name}" once`);
    sources.set(
      file,
      source.replace(text, () => without),
    );
  }
  return sources;
}

/** Sees who misses them, in worlds from `first` on. */
function missing(removed: Rule[], first: number, last: number): Notice {
  const sources = without(removed);
  const whole = [...sources.keys()].map((file) => [file, readFileSync(join(copy, 'src', file), 'utf8')] as const);
  for (const [file, source] of sources) writeFileSync(join(copy, 'src', file), source);
  try {
    return first > last ? null : run(first, last);
  } finally {
    for (const [file, source] of whole) writeFileSync(join(copy, 'src', file), source);
  }
}

function run(first: number, last: number): Notice {
  const command = ['test/simulation/run.ts', '--first', String(first), '--seeds', String(last - first + 1)];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: copy, encoding: 'utf8', timeout: 1_200_000 });
  if (status === 0) return null;
  const [, seed = '0', said = ''] = /^seed (\d+): (.*)$/m.exec(stdout) ?? [];
  if (seed === '0') throw new Error(`the simulation itself failed: ${stderr}${stdout}`);
  return { seed: Number(seed), said: shorten(said) };
}

/** Without the ids of that world. */
function shorten(said: string): string {
  const plain = said.replace(/^\w*Error(?: \[\w+\])?: /, '').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
  return plain.replace(/ there is still .*/, ' something is not done').slice(0, 90);
}

function rowOf(name: string, notice: Notice, seeds: number): string {
  const after = notice === null ? `not in ${seeds}` : String(notice.seed);
  const row = `| ${name} | ${after} | ${notice?.said.replace(/\|/g, '\\|') ?? ''} |`;
  process.stdout.write(`${row}\n`);
  return row;
}

const [seeds, longSeeds, pairSeeds] = [values.seeds, values.longSeeds, values.pairSeeds].map(Number) as [
  number,
  number,
  number,
];
const chosen = rules.filter(({ name }) => values.only === undefined || name.includes(values.only));
for (const rule of rules) without([rule]);

const alone: string[] = [];
const hidden: Rule[] = [];
for (const rule of chosen) {
  const soon = missing([rule], 1, seeds);
  if (soon === null) hidden.push(rule);
  alone.push(rowOf(rule.name, soon ?? missing([rule], seeds + 1, longSeeds), Math.max(seeds, longSeeds)));
}

/** Of two rules that are not missed alone; and of one that is, when the other one hides it. */
const together: string[] = [];
let noticedCount = 0;
for (const [index, one] of hidden.entries()) {
  for (const other of rules) {
    const isDone = hidden.indexOf(other) >= 0 && hidden.indexOf(other) <= index;
    // Two that are one text to the letter cannot both be taken out of it.
    if (isDone || (one.file === other.file && one.text === other.text)) continue;
    const notice = missing([one, other], 1, pairSeeds);
    const row = rowOf(`${one.name} + ${other.name}`, notice, pairSeeds);
    if (hidden.includes(other) || notice === null) together.push(row);
    else noticedCount++;
  }
}

if (values.write) {
  const path = join(root, 'docs/simulation.md');
  const header = ['| without | noticed after worlds | what was broken |', '| --- | --- | --- |'];
  const pairs = `Pairs of rules that are not missed alone, in ${pairSeeds} worlds. Each of them was also taken out with each of the others: ${noticedCount} such pairs were noticed, and those that were not are here too.`;
  const [head = ''] = readFileSync(path, 'utf8').split('<!-- mutants -->');
  const tables = [[...header, ...alone].join('\n'), pairs, [...header, ...together].join('\n')].join('\n\n');
  writeFileSync(path, `${head}<!-- mutants -->\n\n${tables}\n`);
}
