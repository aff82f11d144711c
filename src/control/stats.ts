/**
 * Figures by day: noted beside what they count, in the same transaction, and added up soon after, so that reading them never
 * walks the history and completing a download changes no sums that many share.
 */
import type { Receipt } from '#core/receipt.ts';
import type { DailyKind, DailySums, StoredDownload, Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

export const periods = ['today', '7d', '30d', '365d', 'all'] as const;
export type Period = (typeof periods)[number];

type Named = DailySums & { name: string };

export type PeriodStats = DailySums & {
  period: Period;
  /** First day of it; null: from the beginning. */
  fromDay: string | null;
  toDay: string;
  /** Completed of completed and failed; null: neither. */
  successRate: number | null;
  /** Delivered of fetched bytes; null: nothing was fetched. */
  usefulShare: number | null;
  /** Of completed downloads, to about 9 %. */
  medianSpeedBytesPerSecond: number | null;
  days: (DailySums & { day: string })[];
  workers: (Named & { id: string })[];
  /** The greatest ones; `*` stands for all the small ones of crowded days. */
  hosts: Named[];
  /** By the code of the failure. */
  failures: Named[];
};

const daysOf: Record<Exclude<Period, 'all'>, number> = { today: 1, '7d': 7, '30d': 30, '365d': 365 };
const mostHosts = 20;
const mostNames = 100;
/** A day with more hosts than the first keeps the second, so that the sums stay small whatever people fetch. */
const crowdedHosts = 80;
const keptHosts = 40;
/** Transactions whose notes are worth adding up before somebody asks, and those that are added up at once: 100 results each at most. */
export const enoughNotes = 20;
const settledAtOnce = 20;
/** Speeds are told apart by a fourth of a doubling. */
const stepsOfDoubling = 4;
const mostSpeeds = 500;

/** A download was delivered. */
export async function countCompleted(parts: Parts, tx: Transaction, download: StoredDownload, receipt: Receipt): Promise<void> {
  const { facts, sizeBytes, workerId, startedAtMs, fetchedAtMs } = receipt;
  const sums = { completed: 1, fetchedBytes: facts.fetchedBytes, deliveredBytes: sizeBytes };
  const add = adder(parts, tx, download.ownerId);
  await add('all', '', sums);
  await add('worker', workerId, sums);
  await add('host', hostOf(download), sums);
  const speed = sizeBytes / (Math.max(1, fetchedAtMs - startedAtMs) / 1000);
  if (speed >= 1) await add('speed', String(Math.round(Math.log2(speed) * stepsOfDoubling)), { completed: 1 });
}

/** A download failed for good. */
export async function countFailed(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  code: string,
  workerId: string | null,
) {
  const add = adder(parts, tx, download.ownerId);
  await add('all', '', { failed: 1 });
  if (workerId !== null) await add('worker', workerId, { failed: 1 });
  await add('host', hostOf(download), { failed: 1 });
  await add('failure', code, { failed: 1 });
}

/** A try failed, and another one follows. */
export async function countRetry(parts: Parts, tx: Transaction, { ownerId }: StoredDownload, code: string): Promise<void> {
  const add = adder(parts, tx, ownerId);
  await add('all', '', { retries: 1 });
  await add('failure', code, { retries: 1 });
}

function adder(parts: Parts, tx: Transaction, ownerId: string) {
  const day = parts.dayOf(parts.clock.now());
  return (kind: DailyKind, name: string, change: Partial<DailySums>) => tx.daily.note({ ownerId, kind, day, name }, change);
}

/** The regular round: when there are `enough` notes they are added up, some in each transaction. */
export async function settleStats(parts: Parts, enough = 1): Promise<void> {
  if (!(await parts.store.read((tx) => tx.daily.hasNotes(enough)))) return;
  while (await parts.store.write((tx) => tx.daily.settle(settledAtOnce)));
}

/** All but the greatest hosts of crowded days become one. Idempotent. */
export async function foldHosts(parts: Parts, tx: Transaction): Promise<void> {
  const fromDay = dayBefore(parts.dayOf(parts.clock.now()), 2);
  for (const { ownerId, day } of await tx.daily.crowded('host', fromDay, crowdedHosts)) {
    await tx.daily.fold({ ownerId, kind: 'host', day }, keptHosts, '*');
  }
}

export async function statsOf(parts: Parts, ownerId: string, period: Period): Promise<PeriodStats> {
  await settleStats(parts);
  const toDay = parts.dayOf(parts.clock.now());
  const fromDay = period === 'all' ? null : dayBefore(toDay, daysOf[period] - 1);
  return parts.store.read(async (tx) => {
    const byName = (kind: DailyKind, limit: number) => tx.daily.byName(ownerId, kind, fromDay ?? '', limit);
    const days = await tx.daily.byDay(ownerId, fromDay ?? '');
    const names = new Map((await tx.workers.list()).map((worker) => [worker.id, worker.name]));
    const workers = await byName('worker', mostNames);
    const sums = addUp(days);
    const { completed, failed, fetchedBytes, deliveredBytes } = sums;
    return {
      ...sums,
      period,
      fromDay,
      toDay,
      successRate: completed + failed === 0 ? null : completed / (completed + failed),
      usefulShare: fetchedBytes === 0 ? null : Math.min(1, deliveredBytes / fetchedBytes),
      medianSpeedBytesPerSecond: medianOf(await byName('speed', mostSpeeds)),
      days: days.map(({ ownerId: _, kind: _k, name: _n, ...day }) => day),
      workers: workers.map(({ name: id, ...row }) => ({ id, name: names.get(id) ?? id, ...row })),
      hosts: await byName('host', mostHosts),
      failures: await byName('failure', mostNames),
    };
  });
}

function addUp(rows: DailySums[]): DailySums {
  const sum = (field: keyof DailySums) => rows.reduce((total, row) => total + row[field], 0);
  return {
    completed: sum('completed'),
    failed: sum('failed'),
    retries: sum('retries'),
    fetchedBytes: sum('fetchedBytes'),
    deliveredBytes: sum('deliveredBytes'),
  };
}

/** null: no download was completed. */
function medianOf(speeds: Named[]): number | null {
  const inOrder = speeds.map(({ name, completed }) => ({ step: Number(name), completed })).toSorted((a, b) => a.step - b.step);
  const half = inOrder.reduce((sum, { completed }) => sum + completed, 0) / 2;
  let count = 0;
  for (const { step, completed } of inOrder) {
    count += completed;
    if (count >= half) return 2 ** (step / stepsOfDoubling);
  }
  return null;
}

function hostOf({ link }: StoredDownload): string {
  return URL.parse(link)?.hostname ?? '';
}

/** Tells the day that the clock on the wall shows, as `2026-11-21`. */
export function createCalendar(timeZone: string): (timeMs: number) => string {
  // In Canada a date is written as ISO 8601 writes it. Making a format costs a hundred times as much as using it.
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  let latest = { minute: Number.NaN, day: '' };
  return (timeMs) => {
    // Days begin with a whole minute in every time zone of today: https://www.iana.org/time-zones
    const minute = Math.floor(timeMs / 60_000);
    if (minute !== latest.minute) latest = { minute, day: format.format(timeMs) };
    return latest.day;
  };
}

function dayBefore(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - count * 86_400_000).toISOString().slice(0, 10);
}
