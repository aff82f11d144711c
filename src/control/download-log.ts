/** The log of a download: its timeline, the tries of its tasks, and what workers said about them, in the order of time. */
import type { EventName, FlotillaEvent } from '#core/event.ts';
import { longestTaskLine, mostTaskLines, type TaskLine } from '#core/protocol.ts';
import type { AttemptRow, LogRow, Transaction } from '#core/store.ts';
import type { LogEntry } from './control.ts';
import { requireDownload } from './list.ts';
import type { Parts } from './parts.ts';
import type { Session } from './sessions.ts';

/** Of one download, of all its tries. */
const mostLines = 1000;
/** Entries that an answer has at most: the newest. */
const mostEntries = 5000;

/** What a worker said about a task of a download. */
export type Said = { taskId: string; epoch: number; workerId: string; downloadId: string; lines: TaskLine[] };

/** Keeps what was said, bounded. Lines of workers are cut, as their messages are. */
export async function keepLines(parts: Parts, tx: Transaction, said: Said[]): Promise<void> {
  const nowMs = parts.clock.now();
  const rows = said.map(({ lines, ...about }): LogRow => {
    const kept = lines.slice(-mostTaskLines).map(({ agoMs, level, message }) => {
      return { atMs: nowMs - agoMs, level, message: message.slice(0, longestTaskLine) };
    });
    return { id: parts.newId(), ...about, lines: kept };
  });
  const some = rows.filter(({ lines }) => lines.length > 0);
  if (some.length > 0) await tx.logs.appendMany(some, mostLines);
}

/** What came with a report, of tasks that the worker holds. */
export async function keepReported(
  parts: Parts,
  { workerId, held }: Session,
  told: { taskId: string; epoch: number; lines: TaskLine[] }[],
): Promise<void> {
  const said = told.flatMap(({ taskId, epoch, lines }): Said[] => {
    const task = held.get(taskId);
    // A look at a link belongs to no download.
    if (task?.epoch !== epoch || task.ownerId === '' || lines.length === 0) return [];
    return [{ taskId, epoch, workerId, downloadId: task.downloadId, lines }];
  });
  if (said.length > 0) await parts.store.write((tx) => keepLines(parts, tx, said));
}

/** Oldest first. Throws `not_found`. */
export function logOf(parts: Parts, ownerId: string, id: string): Promise<LogEntry[]> {
  return parts.store.read(async (tx) => {
    await requireDownload(tx, ownerId, id);
    const events = await tx.events.ofDownload(id);
    const attempts = await tx.attempts.listOf(id);
    const logs = await tx.logs.ofDownload(id);
    const names = new Map((await tx.workers.list()).map((worker) => [worker.id, worker.name]));
    const nameOf = (workerId: string) => names.get(workerId) ?? workerId;
    const entries = [
      ...events.map(ofEvent),
      ...attempts.map((attempt) => ofAttempt(attempt, nameOf)),
      ...logs.flatMap((row) => ofWorker(row, nameOf)),
    ];
    // What has the same time stays in the order of its source.
    return entries.toSorted((a, b) => a.atMs - b.atMs).slice(-mostEntries);
  });
}

const nobody = { worker: null, taskId: null, epoch: null } as const;

function ofEvent({ name, atMs, message }: FlotillaEvent): LogEntry {
  return { atMs, level: levels[name] ?? 'info', source: 'timeline', message, ...nobody };
}

const levels: Partial<Record<EventName, LogEntry['level']>> = {
  'download.failed': 'error',
  'download.retry_scheduled': 'warn',
  'download.stage_changed': 'warn',
};

function ofAttempt(attempt: AttemptRow, nameOf: (workerId: string) => string): LogEntry {
  const { taskId, epoch, kind, workerId, outcome, stage, message, startedAtMs, finishedAtMs } = attempt;
  const seconds = Math.max(0, (finishedAtMs - startedAtMs) / 1000).toFixed(1);
  const how = stage === null ? '' : ` (stage ${stage})`;
  return {
    atMs: finishedAtMs,
    level: outcome === 'failed' ? 'warn' : 'debug',
    source: 'attempt',
    message: `Task ${kind}${how} ended after ${seconds} s: ${outcome}.${message === null ? '' : ` ${message}`}`,
    worker: { id: workerId, name: nameOf(workerId) },
    taskId,
    epoch,
  };
}

function ofWorker({ taskId, epoch, workerId, lines }: LogRow, nameOf: (workerId: string) => string): LogEntry[] {
  const worker = { id: workerId, name: nameOf(workerId) };
  return lines.map((line) => ({ ...line, source: 'worker', worker, taskId, epoch }));
}
