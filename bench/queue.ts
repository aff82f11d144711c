/**
 * How fast tasks are handed out and taken back, through `claim` and `finish` of the real control plane, by workers that need
 * no time for their work. Limits of users, hosts and workers are on, and on PostgreSQL somebody watches that none is broken.
 * Other queues do nothing with as many jobs on the same server, in turns.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openPostgresStore } from '#store/postgres/postgres.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { startProcess } from '#testing/process.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { systemClock as clock } from '#wire/system.ts';
import type { CaseResult, PlainRow, TransferOptions } from './case.ts';
import { evenly, fill } from './queue/crowd.ts';
import { measureFairness } from './queue/fairness.ts';
import type { Report } from './queue/order.ts';
import type { Peer } from './queue/peer.ts';
import { runAlone, runTogether } from './queue/processes.ts';
import { checkLimits, watchLimits } from './queue/watch.ts';

export type QueueOptions = TransferOptions & { queued: number; seconds: number };

const replicas = 4;
const batch = 50;

type Figures = { perSecond: number; claimP99Ms: number | null; perCpuSecond: number };

export async function benchQueue(t: Scope, options: QueueOptions): Promise<CaseResult[]> {
  const isWanted = (name: string) => options.cases.length === 0 || options.cases.includes(name);
  const results: CaseResult[] = [];
  if (isWanted('queue-sqlite')) results.push(await benchSqlite(options));
  if (isWanted('queue-postgres')) results.push(await benchPostgres(t, options));
  if (isWanted('queue-fairness')) results.push(await benchFairness(options));
  return results;
}

async function benchSqlite(options: QueueOptions): Promise<CaseResult> {
  const { outFolder, queued, seconds, say, signal } = options;
  const full = join(outFolder, 'full.db');
  const store = await openSqliteStore(full, { clock });
  await fill(store, evenly(queued), say);
  await store.close();
  const kinds = [
    { name: 'one by one', workers: 16, batch: 1, bar: 2000, p99Bar: null },
    { name: `in batches of ${batch}`, workers: 2, batch, bar: 10_000, p99Bar: 5 },
  ];
  const runs = new Map(kinds.map(({ name }) => [name, [] as Figures[]]));
  for (let round = 0; round <= options.rounds; round++) {
    for (const { name, workers, batch } of kinds) {
      const database = join(outFolder, 'queue.db');
      for (const end of ['', '-wal', '-shm', '.lock']) rmSync(database + end, { force: true });
      copyFileSync(full, database);
      const [report] = await runTogether('./replica.ts', [{ database, name: 'bench', workers, batch, seconds }], signal);
      const figures = figuresOf([report as Report]);
      say(`queue-sqlite round ${round} ${name}: ${tell(figures)}`);
      if (round > 0) runs.get(name)?.push(figures);
    }
  }
  const name = 'queue-sqlite';
  const rows: PlainRow[] = [];
  const lines = kinds.map(({ name: kind, bar, p99Bar }) => {
    const figures = medianOf(runs.get(kind) ?? []);
    rows.push(rowOf(name, `${kind}, ${bar}/s`, 'perSecond', figures.perSecond, bar / figures.perSecond, 1));
    if (p99Bar !== null && figures.claimP99Ms !== null) {
      rows.push(
        rowOf(name, `${kind}, claim p99 ${p99Bar} ms`, 'claimP99Ms', figures.perSecond, figures.claimP99Ms / p99Bar, 1),
      );
    }
    return lineOf(kind, figures, `≥ ${bar}/s${p99Bar === null ? '' : `, p99 < ${p99Bar} ms`}`);
  });
  return tableOf(name, `SQLite, synchronous FULL, ${queued} queued, one process`, rows, lines);
}

async function benchPostgres(t: Scope, options: QueueOptions): Promise<CaseResult> {
  const { queued, seconds, say, signal } = options;
  const server = await servePostgres(t, { fsync: true, settings: { shared_buffers: '512MB', max_wal_size: '4GB' } });
  const few = Math.max(1, Math.floor(queued / 10));
  const ours = [
    { name: 'flotilla', queued },
    { name: 'flotilla, a tenth queued', queued: few },
  ];
  const databases = new Map<string, string>();
  for (const { name, queued } of ours) {
    const url = await server.newDatabase();
    const store = await openPostgresStore(url, { clock });
    await fill(store, evenly(queued), say);
    await store.close();
    databases.set(name, url);
  }
  const peers: Peer[] = ['pg-boss', 'graphile-worker'];
  for (const peer of peers) databases.set(peer, await server.newDatabase());
  const redis = await startRedis(t);
  if (redis !== null) {
    peers.push('BullMQ');
    databases.set('BullMQ', redis);
  }
  for (const peer of peers) {
    await runAlone('./peer.ts', { peer, database: databases.get(peer), fill: queued }, signal);
    say(`${peer}: ${queued} queued`);
  }
  for (const url of databases.values()) if (url.startsWith('postgres')) await server.run('vacuum analyze', url);

  const subjects = [...ours.map(({ name }) => name), ...peers];
  const runs = new Map(subjects.map((name) => [name, [] as Figures[]]));
  for (let round = 0; round <= options.rounds; round++) {
    for (const name of subjects) {
      const database = databases.get(name) ?? '';
      const isOurs = name.startsWith('flotilla');
      const watcher = isOurs ? await watchLimits(database) : null;
      const orders = Array.from({ length: replicas }, (_, index) => {
        return { database, name: `r${round}-${index}`, workers: 1, batch, seconds, ...(isOurs ? {} : { peer: name }) };
      });
      const reports = await runTogether(isOurs ? './replica.ts' : './peer.ts', orders, signal);
      const seen = await watcher?.stop();
      if (seen) checkLimits(seen, batch);
      const figures = figuresOf(reports);
      say(`queue-postgres round ${round} ${name}: ${tell(figures)}${seen ? ` ${JSON.stringify(seen)}` : ''}`);
      if (round > 0) runs.get(name)?.push(figures);
    }
  }

  const name = 'queue-postgres';
  const medians = new Map(subjects.map((subject) => [subject, medianOf(runs.get(subject) ?? [])]));
  const own = medians.get('flotilla') as Figures;
  const tenth = medians.get('flotilla, a tenth queued') as Figures;
  const row = (peer: string, measure: string, ratio: number, bar: number | null) =>
    rowOf(name, peer, measure, own.perSecond, ratio, bar);
  const rows = [
    row('5000/s', 'perSecond', 5000 / own.perSecond, 1),
    row('claim p99 50 ms', 'claimP99Ms', (own.claimP99Ms ?? 0) / 50, 1),
    row('a tenth queued', 'perSecond', tenth.perSecond / own.perSecond, 1.25),
    ...peers.map((peer) =>
      row(peer, 'perSecond', (medians.get(peer)?.perSecond ?? 0) / own.perSecond, peer === 'pg-boss' ? 3 : null),
    ),
  ];
  const bars: Record<string, string> = { flotilla: '≥ 5000/s, p99 < 50 ms, ≥ 80 % of a tenth queued, ≥ ⅓ of pg-boss' };
  const lines = subjects.map((subject) => lineOf(subject, medians.get(subject) as Figures, bars[subject] ?? ''));
  const title = `PostgreSQL with fsync, ${queued} queued, ${replicas} processes, batches of ${batch}; Flotilla with all limits on, the others have none`;
  return tableOf(name, title, rows, lines);
}

async function benchFairness(options: QueueOptions): Promise<CaseResult> {
  const { outFolder, queued, say } = options;
  const store = await openSqliteStore(join(outFolder, 'fairness.db'), { clock });
  const waits = await measureFairness(store, Math.ceil(queued / 2), say);
  await store.close();
  const name = 'queue-fairness';
  const longest = waits.at(-1) ?? Number.POSITIVE_INFINITY;
  const median = waits[waits.length >> 1] ?? 0;
  const rows = [rowOf(name, 'first slot within 1 s', 'seconds', 0, longest, 1)];
  const table = ['| | seconds | bar |', '|---|---:|---:|'];
  table.push(
    `| first slot of the median user | ${median.toFixed(3)} | |`,
    `| first slot of the last user | ${longest.toFixed(3)} | ≤ 1 |`,
  );
  const title = `${waits.length} users come with 10 downloads each while one has ${Math.ceil(queued / 2)} queued and 32 slots`;
  return { name, title, figures: new Map(), rows, table: table.join('\n') };
}

/** null: there is no Redis server on this machine. */
async function startRedis(t: Scope): Promise<string | null> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return null;
  const port = await freePort();
  // Everything is on the disk before it is acknowledged, as with the others.
  const flushed = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--dir', tempFolder(t)];
  await startProcess(t, 'redis-server', ['--port', String(port), '--bind', '127.0.0.1', ...flushed], { ready: port });
  return `redis://127.0.0.1:${port}`;
}

/** Throws when there was nothing to do: the queue has to be longer for so many rounds. */
function figuresOf(reports: Report[]): Figures {
  if (reports.some(({ finished }) => finished === 0)) throw new Error('a queue ran empty: choose a larger --queued');
  const finished = reports.reduce((sum, report) => sum + report.finished, 0);
  const claims = reports.flatMap(({ claimMs }) => claimMs).sort((a, b) => a - b);
  return {
    perSecond: reports.reduce((sum, report) => sum + report.finished / report.seconds, 0),
    claimP99Ms: claims[Math.floor(claims.length * 0.99)] ?? null,
    perCpuSecond: finished / reports.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}

function medianOf(runs: Figures[]): Figures {
  const of = (pick: (figures: Figures) => number) => runs.map(pick).sort((a, b) => a - b)[runs.length >> 1] ?? Number.NaN;
  const hasClaims = runs.every(({ claimP99Ms }) => claimP99Ms !== null);
  return {
    perSecond: of(({ perSecond }) => perSecond),
    claimP99Ms: hasClaims ? of(({ claimP99Ms }) => claimP99Ms ?? 0) : null,
    perCpuSecond: of(({ perCpuSecond }) => perCpuSecond),
  };
}

function rowOf(name: string, peer: string, measure: string, perSecond: number, ratio: number, bar: number | null): PlainRow {
  const short = (value: number) => Number(value.toPrecision(4));
  return { case: name, subject: 'flotilla', peer, measure, perSecond: short(perSecond), ratio: short(ratio), bar };
}

function lineOf(name: string, { perSecond, claimP99Ms, perCpuSecond }: Figures, bar: string): string {
  const p99 = claimP99Ms === null ? '' : claimP99Ms.toFixed(1);
  return `| ${name} | ${perSecond.toFixed(0)} | ${p99} | ${perCpuSecond.toFixed(0)} | ${bar} |`;
}

function tableOf(name: string, title: string, rows: PlainRow[], lines: string[]): CaseResult {
  const head = ['| | claim+finish/s | claim p99 ms | per CPU second of its processes | bar |', '|---|---:|---:|---:|---|'];
  return { name, title, figures: new Map(), rows, table: [...head, ...lines].join('\n') };
}

function tell({ perSecond, claimP99Ms }: Figures): string {
  return `${perSecond.toFixed(0)}/s${claimP99Ms === null ? '' : `, claim p99 ${claimP99Ms.toFixed(1)} ms`}`;
}
