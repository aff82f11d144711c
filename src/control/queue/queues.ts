/** Tasks wait in queues: what is in one queue may be taken by the same workers, for the same user. */
import { type HostRule, ruleFor } from '#core/limits.ts';
import type { TaskKind } from '#core/protocol.ts';
import type { WorkerRecord } from '#core/store.ts';

/** `who`: `@` and the id of the only worker, or scheme and wanted labels as in `https:|geo:fr,vpn`; `*` is any scheme. */
export type Queue = { name: string; kind: TaskKind; who: string; ownerId: string };

/** Neither kinds, schemes nor ids have a space in them; labels are checked not to. */
export function queueName(kind: TaskKind, who: string, ownerId: string): string {
  return `${kind} ${who} ${ownerId}`;
}

export function readQueue(name: string): Queue {
  const [kind = '', who = '', ownerId = ''] = name.split(' ');
  return { name, kind: kind as TaskKind, who, ownerId };
}

/** Names from `from` on, `to` left out. */
export type NameRange = { from: string; to: string };
/** So many workers are looked for by themselves; for more it is quicker to walk past the queues of all others. */
const mostOwn = 16;

/** Where in the order of names all queues of that kind are which some of these workers may take, and few others. */
export function rangesOf(kind: TaskKind, workerIds: readonly string[]): NameRange[] {
  // "@" is before all letters, and what begins with it belongs to one worker: there may be as many as workers times users.
  const [first, last] = [`${kind} `, `${kind}!`];
  if (workerIds.length > mostOwn) return [{ from: first, to: last }];
  const own = workerIds.map((id) => `${first}${onlyWorker(id)}`);
  const among = own.map((name) => ({ from: `${name} `, to: `${name}!` }));
  return [{ from: first, to: `${first}@` }, ...among, { from: `${first}A`, to: last }];
}

export function onlyWorker(workerId: string): string {
  return `@${workerId}`;
}

export function anyWorker(scheme: string | null, labels: string[]): string {
  const sorted = [...new Set(labels)].sort();
  return `${scheme ?? '*'}${sorted.length === 0 ? '' : `|${sorted.join()}`}`;
}

/** The labels that a worker needs for a download of that host. */
export function neededLabels(host: string | null, wanted: string[] | undefined, rules: readonly HostRule[]): string[] {
  return [...(wanted ?? []), ...(ruleFor(host ?? '', rules)?.labels ?? [])];
}

/** May it take tasks of this queue now? One that takes nothing new still delivers what it has. */
export function mayTake(worker: WorkerRecord, { kind, who }: Queue): boolean {
  if (!worker.kinds.includes(kind)) return false;
  if (worker.wanted !== 'work' && kind !== 'deliver') return false;
  if (who.startsWith('@')) return who === onlyWorker(worker.id);
  const [scheme = '', labels = ''] = who.split('|');
  if (scheme !== '*' && !worker.schemes.includes(scheme)) return false;
  return labels === '' || labels.split(',').every((label) => worker.labels.includes(label));
}

/** A worker that has the bytes and works may go on with it before others may. */
export function isHomeOpen(worker: WorkerRecord | null): worker is WorkerRecord {
  return worker !== null && worker.state === 'online' && worker.wanted === 'work';
}
