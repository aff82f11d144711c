/**
 * Takes each rule out of a copy of the sources, and sees after how many worlds a promise is broken:
 * `node test/simulation/mutants.ts [--seeds 300] [--write]`. Rules that are not missed alone are then taken out all at once, and
 * each of the others with them, because one may hide another. With `--write` what was found goes into `docs/simulation.md`, where
 * it is said why some are not missed.
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
    return run(first, last);
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

const [seeds, pairSeeds] = [Number(values.seeds), Number(values.pairSeeds)];
const chosen = rules.filter(({ name }) => values.only === undefined || name.includes(values.only));
for (const rule of rules) without([rule]);

const alone: string[] = [];
const hidden: Rule[] = [];
/** The world that misses a rule alone. */
const noticedIn = new Map<Rule, number>();
for (const rule of chosen) {
  const notice = missing([rule], 1, seeds);
  if (notice === null) hidden.push(rule);
  else noticedIn.set(rule, notice.seed);
  alone.push(rowOf(rule.name, notice, seeds));
}

/**
 * Rules that nobody misses, even when all of them are out at once: so no pair of them is missed either. One that is missed
 * then stays in: it stands behind one that is out.
 */
const out: Rule[] = [];
const together: string[] = [];
for (const rule of hidden) {
  const notice = missing([...out, rule], 1, pairSeeds);
  if (notice === null) out.push(rule);
  else together.push(rowOf(rule.name, notice, pairSeeds));
}
// Does any of them hide one of the others? Then that one is not missed any more.
for (const [rule, seed] of noticedIn) {
  const removed = [...out.filter((one) => one.file !== rule.file || one.text !== rule.text), rule];
  // What misses it alone most often misses it now too.
  const notice = missing(removed, seed, seed) ?? missing(removed, 1, Math.max(seed, pairSeeds));
  together.push(rowOf(rule.name, notice, Math.max(seed, pairSeeds)));
}

if (values.write) {
  const path = join(root, 'docs/simulation.md');
  const headOf = (without: string) => [`| ${without} | noticed after worlds | what was broken |`, '| --- | --- | --- |'];
  const [head = ''] = readFileSync(path, 'utf8').split('<!-- mutants -->');
  const tables = [
    [...headOf('without'), ...alone].join('\n'),
    `These ${out.length} are taken out at once, and ${pairSeeds} worlds notice nothing: ${out.map(({ name }) => `"${name}"`).join(', ')}.`,
    [...headOf('without them, and without'), ...together].join('\n'),
  ];
  writeFileSync(path, `${head}<!-- mutants -->\n\n${tables.join('\n\n')}\n`);
}
