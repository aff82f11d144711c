/** `npm run bench -- NAME`: measures Flotilla beside its peers on this machine and prints tables. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { Scope } from '#testing/temp.ts';
import { type CaseResult, type Figures, type Measure, type Row, ratioOf } from './case.ts';
import { benchQueue } from './queue.ts';
import { benchServe } from './serve.ts';
import { benchTorrent } from './torrent.ts';
import { benchTransfer } from './transfer.ts';

const benches = { transfer: benchTransfer, serve: benchServe, queue: benchQueue, torrent: benchTorrent };

const usage = `npm run bench -- NAME... [options]   NAME: ${Object.keys(benches).join(', ')}
  --json            print one JSON object a row instead of tables
  --write           write the tables to bench/RESULTS.md as well, of queue and torrent to pages of their own
  --rounds 5        counted rounds; one more warms up
  --size 1G         of the big file
  --queued 1000000  of queue: downloads that wait
  --seconds 5       of queue: how long a round takes
  --case NAME       only this case; may be repeated
  --program NAME    only this program (flotilla, aria2, curl); may be repeated
  --folder DIR      where to serve from: memory (/dev/shm) when it has room, else the temporary folder
  --out DIR         where to download to: the temporary folder, which is on a disk on most machines`;

const root = join(import.meta.dirname, '..');

const { values: options, positionals } = readArguments();
const rounds = Number(options.rounds);
const sizeBytes = parseSize(options.size);
const [queued, seconds] = [Number(options.queued), Number(options.seconds)];
const areKnown = positionals.length > 0 && positionals.every((name) => Object.hasOwn(benches, name));
if (options.help || !areKnown || !(rounds >= 1) || !(queued >= 1) || !(seconds > 0) || sizeBytes === null) {
  console.error(usage);
  process.exit(options.help ? 0 : 2);
}

const services = spawnSync(process.execPath, [join(root, 'tools/services.ts'), '--bench'], { stdio: 'inherit' });
if (services.status !== 0) process.exit(1);

const stopped = new AbortController();
const releases: (() => unknown)[] = [];
const scope: Scope = { after: (release) => releases.push(release) };
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    stopped.abort();
    releaseAll().finally(() => process.exit(exitCode));
  });
}

const parent = options.folder ?? (hasRoom('/dev/shm', sizeBytes) ? '/dev/shm' : tmpdir());
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, 'flotilla-bench-'));
const outFolder = mkdtempSync(join(options.out ?? tmpdir(), 'flotilla-bench-'));
try {
  const results: CaseResult[] = [];
  for (const name of positionals) {
    results.push(
      ...(await benches[name as keyof typeof benches](scope, {
        folder,
        outFolder,
        flotilla: flotillaCommand(),
        rounds,
        sizeBytes,
        queued,
        seconds,
        cases: options.case,
        programs: options.program,
        signal: stopped.signal,
        say: (line) => console.error(line),
      })),
    );
  }
  const rows = results.flatMap((result) => result.rows);
  const tables = results.map(tableOf).join('\n');
  if (options.json) for (const row of rows) console.log(JSON.stringify(row));
  else console.log(tables);
  if (options.write) {
    const pages = { queue: 'QUEUE.md', torrent: 'TORRENT.md' };
    const page = join(root, 'bench', pages[positionals[0] as keyof typeof pages] ?? 'RESULTS.md');
    writeFileSync(page, report(tables));
    console.error(`wrote ${relative(process.cwd(), page)}`);
  }
  const missed = rows.filter((row) => row.bar !== null && row.ratio > row.bar);
  for (const row of missed) {
    console.error(`above the bar: ${row.case}, ${row.peer}: ${row.ratio} > ${row.bar} (${row.measure})`);
  }
} finally {
  await releaseAll();
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        rounds: { type: 'string', default: '5' },
        size: { type: 'string', default: '1G' },
        queued: { type: 'string', default: '1000000' },
        seconds: { type: 'string', default: '5' },
        case: { type: 'string', multiple: true, default: [] },
        program: { type: 'string', multiple: true, default: [] },
        folder: { type: 'string' },
        out: { type: 'string' },
      },
    });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}

async function releaseAll(): Promise<void> {
  for (const release of releases.splice(0).reverse()) await release();
  rmSync(folder, { recursive: true, force: true });
  rmSync(outFolder, { recursive: true, force: true });
}

/** The launcher people use; its few milliseconds belong to what they wait for. */
function flotillaCommand(): string[] {
  const launcher = join(root, 'flotilla');
  return existsSync(launcher) ? [launcher] : [process.execPath, join(root, 'src/main.ts')];
}

function parseSize(text: string): number | null {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  if (!match) return null;
  const units: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
  return Number(match[1]) * (units[match[2]?.toUpperCase() ?? ''] ?? 1);
}

/** For the source, a result and half a GiB of small things, with as much again left for everyone else. */
function hasRoom(path: string, size: number): boolean {
  if (!existsSync(path)) return false;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize > size * 3 + 2 ** 29;
}

function report(tables: string): string {
  if (positionals.includes('queue')) return queueReport(tables);
  const versions = [`Node ${process.versions.node}`, versionOf('aria2c'), versionOf('curl'), versionOf('nginx', '-v')];
  return `# Benchmark results

${new Date().toISOString().slice(0, 10)} · ${versions.join(' · ')} · ${availableParallelism()} CPUs · medians of ${rounds} alternating
rounds after one to warm up · servers on loopback, their files in ${fileSystemOf(parent)}, downloads onto ${fileSystemOf(outFolder)}
where a case does not say otherwise. Every result was compared with the original by SHA-256 after the clock had stopped. A ratio
is Flotilla divided by the other; **bold** is what the bar is about. Flotilla is told to leave out the SHA-256 it makes by
default wherever the peers make none, but for the case that says so; \`NOTES.md\` reads the results.
\`npm run bench -- ${positionals.join(' ')} --write\` makes this page.

${tables}`;
}

function queueReport(tables: string): string {
  return `# Benchmark results of the queue

${new Date().toISOString().slice(0, 10)} · Node ${process.versions.node} · ${availableParallelism()} CPUs, which the servers share with everything
else · medians of ${rounds} alternating rounds of ${seconds} s after one to warm up. The real control plane, its workers need no time
for their work; each downloads what it claims in two tasks, fetch and deliver, with history, events and receipts.
\`npm run bench -- queue --write\` makes this page.

${tables}`;
}

function fileSystemOf(path: string): string {
  const names: Record<number, string> = { 61267: 'ext4', 16914836: 'memory (tmpfs)', 1481003842: 'xfs', 2435016766: 'btrfs' };
  return names[statfsSync(path).type] ?? 'a file system';
}

function versionOf(command: string, flag = '--version'): string {
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: 'utf8' });
  return `${command} ${/\d+(\.\d+)+/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? 'unknown'}`;
}

function tableOf({ name, title, figures, rows, table }: CaseResult): string {
  if (table !== undefined) return `### ${name}\n${title}\n\n${table}\n`;
  const lines = [...figures].map(([program, own]) =>
    lineOf(
      program,
      own,
      rows.find((row): row is Row => row.peer === program && 'wallSeconds' in row),
    ),
  );
  return `### ${name}
${title}

| program | wall s | CPU s/GiB | peak MiB | files/s | wall ratio | CPU ratio | bar |
|---|---:|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}
`;
}

function lineOf(program: string, own: Figures, row: Row | undefined): string {
  const ratio = (measure: Measure) => {
    if (!row || (program === 'ideal' && measure !== 'wallSeconds')) return '';
    const text = ratioOf(row, own, measure).toFixed(2);
    return row.measure === 'both' || measure === row.measure ? `**${text}**` : text;
  };
  const bar = row?.bar === null || row === undefined ? '' : `${row.bar.toFixed(2)}${row.ratio > row.bar ? ' (above)' : ''}`;
  const cells = [
    program,
    own.wallSeconds.toFixed(2),
    program === 'ideal' ? '' : own.cpuSecondsPerGiB.toFixed(2),
    own.peakMemoryMiB === null ? '' : String(own.peakMemoryMiB),
    own.perSecond >= 10 ? own.perSecond.toFixed(0) : own.perSecond.toFixed(2),
    ratio('wallSeconds'),
    ratio('cpuSecondsPerGiB'),
    bar,
  ];
  return `| ${cells.join(' | ')} |`;
}
