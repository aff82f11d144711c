/** One comparison: the same work for each program, in turns, verified byte for byte. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, measure, type Run } from './measure.ts';

/** What one program needed: medians over the rounds. */
export type Figures = {
  wallSeconds: number;
  cpuSecondsPerGiB: number;
  /** Null where the system does not tell (no /proc). */
  peakMemoryMiB: number | null;
  /** Files finished in a second. */
  perSecond: number;
};

/** Flotilla's figures beside those of one peer. */
export type Row = Figures & {
  case: string;
  subject: string;
  peer: string;
  peerFigures: Figures;
  /** What `ratio` and `bar` are about: time on the clock, or work for the processor. */
  measure: Measure;
  /** Subject divided by peer: below 1 the subject is better. */
  ratio: number;
  /** The most that `ratio` may be; null when nothing is promised. */
  bar: number | null;
};

/** A figure of another kind beside a peer or a promise. */
export type PlainRow = {
  case: string;
  subject: string;
  peer: string;
  measure: string;
  perSecond: number;
  ratio: number;
  bar: number | null;
};

/** `table` when the figures are of another kind. */
export type CaseResult = {
  name: string;
  title: string;
  figures: ReadonlyMap<string, Figures>;
  rows: readonly (Row | PlainRow)[];
  table?: string;
};

export type TransferOptions = {
  /** Where files are served from: in memory. */
  folder: string;
  /** Where they are downloaded to. */
  outFolder: string;
  /** How to start Flotilla. */
  flotilla: readonly string[];
  rounds: number;
  sizeBytes: number;
  /** Names to run; empty means all. */
  cases: readonly string[];
  programs: readonly string[];
  /** Stops the program that is being measured. */
  signal: AbortSignal;
  say(line: string): void;
};

/** `both`: neither may be above the bar. */
export type Measure = 'wallSeconds' | 'cpuSecondsPerGiB' | 'both';
/** `ideal` is no program: what the servers allow at best. */
export type Program = 'flotilla' | 'aria2' | 'aria2 defaults' | 'curl' | 'qbittorrent' | 'ideal';

export type Case = {
  name: string;
  /** One sentence for the table. */
  title: string;
  measure: Measure;
  /** SHA-256 of every file that has to be in the folder afterwards; null: only its size is looked at. */
  files: ReadonlyMap<string, string | null>;
  sizeBytes: number;
  /** A command per program, made for one run into `folder`. */
  commands: Partial<Record<Program, (folder: string) => Command>>;
  /** The most that each ratio may be; several numbers are looked at with the clock and with the processor. */
  bars: Partial<Record<Program, number>>;
  /** What the servers allow at best. */
  idealSeconds?: number;
  /** Into memory, where the disk would be all that is measured. */
  isInMemory?: boolean;
  /** Fewer than asked for, where a round takes long. */
  rounds?: number;
};

export async function runCase(one: Case, options: TransferOptions): Promise<CaseResult> {
  const programs = (Object.keys(one.commands) as Program[]).filter(
    (program) => options.programs.length === 0 || options.programs.some((wanted) => program.startsWith(wanted)),
  );
  const runs = new Map<Program, Run[]>(programs.map((program) => [program, []]));
  // The round before the first warms the page cache and is not counted.
  const rounds = Math.min(one.rounds ?? options.rounds, options.rounds);
  for (let round = 0; round <= rounds; round += 1) {
    // Each program is first, second … equally often.
    const shift = round % Math.max(1, programs.length);
    for (const program of [...programs.slice(shift), ...programs.slice(0, shift)]) {
      const run = await runOnce(one, program, options);
      if (round > 0) runs.get(program)?.push(run);
      const label = round === 0 ? 'warm-up' : `round ${round}`;
      options.say(`${one.name} ${label} ${program}: ${run.wallSeconds.toFixed(2)} s, CPU ${run.cpuSeconds.toFixed(2)} s`);
    }
  }
  const figures = new Map([...runs].map(([program, all]) => [program, figuresOf(one, all)]));
  if (one.idealSeconds !== undefined) figures.set('ideal', idealFigures(one, one.idealSeconds));
  return { name: one.name, title: one.title, figures, rows: rowsOf(one, figures) };
}

async function runOnce(one: Case, program: Program, options: TransferOptions): Promise<Run> {
  const folder = join(one.isInMemory ? options.folder : options.outFolder, 'out');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const command = one.commands[program]?.(folder);
  if (!command) throw new Error(`${program} has no command for ${one.name}`);
  const run = await measure(command, options.folder, options.signal);
  await verify(folder, one.files, `${one.name}, ${program}`);
  rmSync(folder, { recursive: true, force: true });
  return run;
}

/** Every file is there with the right bytes, and nothing else is. */
async function verify(folder: string, files: ReadonlyMap<string, string | null>, what: string): Promise<void> {
  for (const [name, sha256] of files) {
    const path = join(folder, name);
    if (!existsSync(path)) throw new Error(`${what}: ${name} is missing`);
    if (sha256 === null) continue;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
    if (hash.digest('hex') !== sha256) throw new Error(`${what}: ${name} has wrong bytes`);
  }
  const strangers = readdirSync(folder).filter((name) => !files.has(name));
  if (strangers.length > 0) throw new Error(`${what}: left ${strangers.slice(0, 3).join(', ')} behind`);
}

/** Each figure is a median of its own. */
function figuresOf(one: Case, runs: readonly Run[]): Figures {
  const wallSeconds = median(runs.map((run) => run.wallSeconds));
  const peaks = runs.map(({ peakMemoryMiB }) => peakMemoryMiB).filter((peak) => peak !== null);
  return {
    wallSeconds: rounded(wallSeconds),
    cpuSecondsPerGiB: rounded(median(runs.map(({ cpuSeconds }) => cpuSeconds)) / (one.sizeBytes / 2 ** 30)),
    peakMemoryMiB: peaks.length > 0 ? Math.round(median(peaks)) : null,
    perSecond: rounded(one.files.size / wallSeconds),
  };
}

function rowsOf(one: Case, figures: ReadonlyMap<Program, Figures>): Row[] {
  const ours = figures.get('flotilla');
  if (!ours) return [];
  const peers = [...figures].filter(([program]) => program !== 'flotilla');
  return peers.map(([peer, peerFigures]) => ({
    case: one.name,
    subject: 'flotilla',
    peer,
    ...ours,
    peerFigures,
    measure: peer === 'ideal' ? 'wallSeconds' : one.measure,
    ratio: rounded(ratioOf(ours, peerFigures, peer === 'ideal' ? 'wallSeconds' : one.measure)),
    bar: one.bars[peer] ?? null,
  }));
}

export function ratioOf(ours: Figures, peer: Figures, measure: Measure): number {
  const wall = ours.wallSeconds / peer.wallSeconds;
  const cpu = ours.cpuSecondsPerGiB / peer.cpuSecondsPerGiB;
  if (measure === 'both') return Math.max(wall, cpu);
  return measure === 'wallSeconds' ? wall : cpu;
}

function idealFigures({ files }: Case, wallSeconds: number): Figures {
  return {
    wallSeconds: rounded(wallSeconds),
    cpuSecondsPerGiB: 0,
    peakMemoryMiB: null,
    perSecond: rounded(files.size / wallSeconds),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
