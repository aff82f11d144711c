import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { serveHostile } from '#testing/serve-hostile.ts';
import { type Nginx, sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import type { Scope } from '#testing/temp.ts';

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

export type CaseResult = { name: string; title: string; figures: ReadonlyMap<string, Figures>; rows: readonly Row[] };

export type TransferOptions = {
  /** Where files are served from and downloaded to. */
  folder: string;
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

type Measure = 'wallSeconds' | 'cpuSecondsPerGiB';
type Program = 'flotilla' | 'aria2' | 'aria2 defaults' | 'curl';
type Command = { argv: readonly string[]; env?: Record<string, string> };
type Run = { wallSeconds: number; cpuSeconds: number; peakMemoryMiB: number | null };

type Case = {
  name: string;
  /** One sentence for the table. */
  title: string;
  measure: Measure;
  /** SHA-256 of every file that has to be in the folder afterwards. */
  files: ReadonlyMap<string, string>;
  sizeBytes: number;
  /** A command per program, made for one run into `folder`. */
  commands: Partial<Record<Program, (folder: string) => Command>>;
  bars: Partial<Record<Program, number>>;
};

const fileName = 'file.bin';
const smallFileCount = 1000;
const smallFileBytes = 64 * 1024;
/** One connection of eight is ten times slower; with 1 GiB the ideal is 1.80 s. */
const fastBytesPerSecond = 80 * 1024 * 1024;
const slowBytesPerSecond = fastBytesPerSecond / 10;

/**
 * Flotilla, aria2 and curl fetch the same files from servers on loopback, in turns, so that whatever else the machine does
 * hits all of them. Every result is hashed after the clock has stopped. Throws when a program fails or a byte is wrong.
 */
export async function benchTransfer(t: Scope, options: TransferOptions): Promise<CaseResult[]> {
  const { folder, sizeBytes, say } = options;
  const served = join(folder, 'served');
  mkdirSync(join(served, 'small'), { recursive: true });
  say('making the files');
  const sha256 = sampleFile(served, fileName, sizeBytes, 1);
  flush(join(served, fileName));
  const small = new Map<string, string>();
  for (let n = 0; n < smallFileCount; n += 1) {
    const name = `${String(n).padStart(4, '0')}.bin`;
    small.set(name, sampleFile(join(served, 'small'), name, smallFileBytes, 1000 + n));
  }
  const nginx = await serveNginx(t, { folder: served, tls: true });
  const cases = [
    ...bigFileCases(options, nginx, sha256),
    await slowConnectionCase(t, options, join(served, fileName), sha256),
    smallFilesCase(options, nginx, small),
  ].filter(({ name }) => options.cases.length === 0 || options.cases.includes(name));
  const results: CaseResult[] = [];
  for (const one of cases) results.push(await runCase(one, options));
  return results;
}

/** Otherwise the disk would still be busy with the source while the first program is measured. */
function flush(path: string): void {
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}

function bigFileCases(options: TransferOptions, nginx: Nginx, sha256: string): Case[] {
  const plain = `${nginx.origin}/${fileName}`;
  const secure = `${nginx.tlsOrigin}/${fileName}`;
  const caPath = nginx.caPath ?? '';
  const size = `${Math.round(options.sizeBytes / 2 ** 20)} MiB`;
  const common = { files: new Map([[fileName, sha256]]), sizeBytes: options.sizeBytes };
  return [
    {
      ...common,
      name: 'plain-1',
      title: `${size}, one connection`,
      measure: 'cpuSecondsPerGiB',
      commands: { flotilla: flotilla(options, plain, 1, bare), aria2: aria2(plain, 1), curl: curl(plain) },
      bars: { aria2: 0.6, curl: 0.9 },
    },
    {
      ...common,
      name: 'plain-8',
      title: `${size}, eight connections (curl: one)`,
      measure: 'cpuSecondsPerGiB',
      commands: {
        flotilla: flotilla(options, plain, 8, bare),
        aria2: aria2(plain, 8),
        'aria2 defaults': aria2Defaults(plain, 8),
        curl: curl(plain),
      },
      bars: { aria2: 0.6, 'aria2 defaults': 0.6, curl: 0.9 },
    },
    {
      ...common,
      name: 'default-8',
      title: `${size}, eight connections (curl: one), as people run it: only Flotilla computes a SHA-256`,
      measure: 'cpuSecondsPerGiB',
      commands: { flotilla: flotilla(options, plain, 8), aria2: aria2(plain, 8), curl: curl(plain) },
      bars: { aria2: 1 },
    },
    {
      ...common,
      name: 'sha256-8',
      title: `${size} with a SHA-256 to check, eight connections (curl: one, then sha256sum)`,
      measure: 'wallSeconds',
      commands: {
        flotilla: flotilla(options, plain, 8, ['--checksum', `sha-256=${sha256}`]),
        aria2: aria2(plain, 8, [`--checksum=sha-256=${sha256}`]),
        curl: curlThenSha256sum(plain, sha256),
      },
      bars: { aria2: 0.65 },
    },
    {
      ...common,
      name: 'tls-8',
      title: `${size} over TLS, eight connections (curl: one)`,
      measure: 'cpuSecondsPerGiB',
      commands: {
        flotilla: flotilla(options, secure, 8, bare, { NODE_EXTRA_CA_CERTS: caPath }),
        aria2: aria2(secure, 8, [`--ca-certificate=${caPath}`]),
        curl: curl(secure, ['--cacert', caPath]),
      },
      bars: { aria2: 0.85, curl: 1.05 },
    },
  ];
}

async function slowConnectionCase(t: Scope, options: TransferOptions, path: string, sha256: string): Promise<Case> {
  const server = await serveHostile(t, { body: readFileSync(path) });
  const params = { nth: 4, slowBytesPerSecond, bytesPerSecond: fastBytesPerSecond };
  // Each run needs a link of its own, because the server counts the connections of a link.
  const url = () => server.url('slow-nth', params, fileName);
  const idealSeconds = options.sizeBytes / (7 * fastBytesPerSecond + slowBytesPerSecond);
  return {
    name: 'slow-one-of-8',
    title: `Eight connections of 80 MiB/s, the fourth ten times slower (ideal ${idealSeconds.toFixed(2)} s)`,
    measure: 'wallSeconds',
    files: new Map([[fileName, sha256]]),
    sizeBytes: options.sizeBytes,
    commands: {
      flotilla: (folder) => flotilla(options, url(), 8, bare)(folder),
      aria2: (folder) => aria2(url(), 8)(folder),
      'aria2 defaults': (folder) => aria2Defaults(url(), 8)(folder),
    },
    bars: { aria2: 1, 'aria2 defaults': 1 },
  };
}

function smallFilesCase(options: TransferOptions, nginx: Nginx, files: ReadonlyMap<string, string>): Case {
  const urls = [...files.keys()].map((name) => [name, `${nginx.origin}/small/${name}`] as const);
  const list = join(options.folder, 'list.txt');
  writeFileSync(list, urls.map(([, url]) => `${url}\n`).join(''));
  const config = join(options.folder, 'curl.txt');
  writeFileSync(config, urls.map(([name, url]) => `url = "${url}"\noutput = "${name}"\n`).join(''));
  return {
    name: 'small-files',
    title: `${smallFileCount} files of 64 KiB from a list`,
    measure: 'wallSeconds',
    files,
    sizeBytes: smallFileCount * smallFileBytes,
    commands: {
      flotilla: (folder) => ({
        argv: [...options.flotilla, 'get', '-i', list, '-j16', ...bare, '-d', folder],
        env: flotillaEnv,
      }),
      aria2: (folder) => ({ argv: [...aria2Quiet, '-i', list, '-j16', '-d', folder] }),
      curl: (folder) => ({ argv: ['curl', '-sSf', '-Z', '--parallel-max', '16', '--output-dir', folder, '-K', config] }),
    },
    bars: { aria2: 1, curl: 1 },
  };
}

/** aria2 and curl compute no digest unless asked; the same work is compared. */
const bare = ['--no-digest'];

/** Our own guard refuses loopback unless it is allowed. */
const flotillaEnv = { FLOTILLA_NET_ALLOW: '127.0.0.0/8,::1/128' };

function flotilla(
  options: TransferOptions,
  url: string,
  connections: number,
  more: string[] = [],
  env: Record<string, string> = {},
): (folder: string) => Command {
  const get = [...options.flotilla, 'get', url, '-o', fileName, '-x', String(connections), ...more];
  return (folder) => ({ argv: [...get, '-d', folder], env: { ...flotillaEnv, ...env } });
}

const aria2Quiet = ['aria2c', '--no-conf', '-q', '--console-log-level=error'];

function aria2Defaults(url: string, connections: number, more: string[] = []): (folder: string) => Command {
  return (folder) => ({
    argv: [...aria2Quiet, `-x${connections}`, `-s${connections}`, ...more, '-d', folder, '-o', fileName, url],
  });
}

/** With pieces of 1 MiB aria2 splits and steals much better than by default, so this is the peer to beat. */
function aria2(url: string, connections: number, more: string[] = []): (folder: string) => Command {
  return aria2Defaults(url, connections, ['-k1M', ...more]);
}

function curl(url: string, more: string[] = []): (folder: string) => Command {
  return (folder) => ({ argv: ['curl', '-sSf', ...more, '-o', join(folder, fileName), url] });
}

function curlThenSha256sum(url: string, sha256: string): (folder: string) => Command {
  const script = 'curl -sSf -o "$2" "$1" && echo "$3  $2" | sha256sum -c --status';
  return (folder) => ({ argv: ['sh', '-c', script, 'sh', url, join(folder, fileName), sha256] });
}

async function runCase(one: Case, options: TransferOptions): Promise<CaseResult> {
  const programs = (Object.keys(one.commands) as Program[]).filter(
    (program) => options.programs.length === 0 || options.programs.some((wanted) => program.startsWith(wanted)),
  );
  const runs = new Map<Program, Run[]>(programs.map((program) => [program, []]));
  // The round before the first warms the page cache and is not counted.
  for (let round = 0; round <= options.rounds; round += 1) {
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
  return { name: one.name, title: one.title, figures, rows: rowsOf(one, figures) };
}

async function runOnce(one: Case, program: Program, options: TransferOptions): Promise<Run> {
  const folder = join(options.folder, 'out');
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
async function verify(folder: string, files: ReadonlyMap<string, string>, what: string): Promise<void> {
  for (const [name, sha256] of files) {
    const path = join(folder, name);
    if (!existsSync(path)) throw new Error(`${what}: ${name} is missing`);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
    if (hash.digest('hex') !== sha256) throw new Error(`${what}: ${name} has wrong bytes`);
  }
  const strangers = readdirSync(folder).filter((name) => !files.has(name));
  if (strangers.length > 0) throw new Error(`${what}: left ${strangers.slice(0, 3).join(', ')} behind`);
}

/**
 * Runs a command and measures it. bash's `time` has the kernel's own account (user + system of the process, its threads and
 * the children it waited for) in milliseconds. Memory is the sum of the high-water marks of all its processes: VmHWM never
 * sinks, so looking every few milliseconds misses at most the growth of the last ones.
 */
async function measure(command: Command, cwd: string, signal: AbortSignal): Promise<Run> {
  signal.throwIfAborted();
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" 2>&4; } 4>&2 2>&3';
  const child = spawn('bash', ['-c', script, 'bash', ...command.argv], {
    cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own, so that bash and the program can be stopped together.
    detached: true,
  });
  const stop = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
  signal.addEventListener('abort', stop);
  let said = '';
  let times = '';
  child.stdio[2]?.on('data', (bytes: Buffer) => (said += bytes));
  child.stdio[3]?.on('data', (bytes: Buffer) => (times += bytes));
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, memoryBelow(child.pid ?? -1))), 10);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  });
  if (code !== 0) throw new Error(`${command.argv.join(' ')} ended with ${code}: ${said.slice(-2000)}`);
  const [real, user, system] = times.trim().replaceAll(',', '.').split(' ').map(Number);
  if (real === undefined || user === undefined || system === undefined) throw new Error(`bash did not tell the time: ${times}`);
  return { wallSeconds: real, cpuSeconds: user + system, peakMemoryMiB: peakBytes > 0 ? peakBytes / 2 ** 20 : null };
}

/** High-water marks of all processes below this one, added up; a process that goes away meanwhile counts nothing. */
function memoryBelow(pid: number): number {
  let children: string[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  } catch {
    return 0;
  }
  let sum = 0;
  for (const child of children) {
    sum += highWaterMark(child) + memoryBelow(Number(child));
  }
  return sum;
}

function highWaterMark(pid: string): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
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
    measure: one.measure,
    ratio: rounded(ours[one.measure] / peerFigures[one.measure]),
    bar: one.bars[peer] ?? null,
  }));
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
