/** What admins do with the machines of the fleet. */
import { FlotillaError } from '#core/errors.ts';
import type { WorkerChange, WorkerRow } from './control.ts';
import { recordEvents, systemEvent } from './events.ts';
import type { Parts } from './parts.ts';
import { ableKinds } from './queue/able.ts';
import { requeueAll } from './queue/requeue-mark.ts';
import { releaseTask } from './release.ts';
import { listWorkers } from './workers.ts';

/** Throws `not_found`. */
export async function changeWorker(parts: Parts, id: string, change: WorkerChange): Promise<WorkerRow> {
  await parts.store.write(async (tx) => {
    const worker = await tx.workers.get(id);
    if (worker === null) throw noSuchWorker();
    const labels = change.labels && { labels: [...new Set(change.labels)] };
    await tx.workers.update(id, { ...change, ...labels });
    const changed = { ...worker, ...change };
    const message = change.wanted === undefined ? `Worker ${changed.name} was changed.` : wantedSentence(changed);
    await recordEvents(parts, tx, [systemEvent(parts, 'worker.changed', message, { workerId: id })]);
    tx.afterCommit(() => {
      parts.sessions.outdate(id);
      parts.tellWorker(id);
      parts.wake();
    });
  });
  const changed = (await listWorkers(parts)).find((worker) => worker.id === id);
  if (changed === undefined) throw noSuchWorker();
  return changed;
}

function wantedSentence({ name, wanted }: Pick<WorkerRow, 'name' | 'wanted'>): string {
  if (wanted === 'pause') return `Worker ${name} takes nothing new for now.`;
  if (wanted === 'drain') return `Worker ${name} gives back what it has, and takes nothing new.`;
  return `Worker ${name} works again.`;
}

function noSuchWorker(): FlotillaError {
  return new FlotillaError('not_found', 'There is no such worker. It may have been removed.');
}

export async function removeWorker(parts: Parts, id: string): Promise<void> {
  await parts.store.write(async (tx) => {
    const worker = await tx.workers.get(id);
    const key = await tx.workerKeys.get(id);
    if (worker === null && key === null) {
      throw noSuchWorker();
    }
    const name = worker?.name ?? 'that never came';
    if (key === null && worker?.state === 'online') {
      const why = `Worker ${name} is part of a server that runs: it would be back at once. Stop that server, or let the worker pause.`;
      throw new FlotillaError('refused', why);
    }
    // First its key: whatever it says from now on is refused, so that nothing of it can cross what follows.
    await tx.workerKeys.remove(id);
    for (const task of await tx.tasks.leasedBy(id)) {
      await releaseTask(parts, tx, task, `Worker ${name} was removed. It goes on as soon as there is room.`, null, true);
    }
    await tx.workers.remove(id);
    // It may have been the last one that could do what waits for its kind.
    if (ableKinds(parts, worker?.schemes ?? []) !== '') await requeueAll(tx);
    await recordEvents(parts, tx, [systemEvent(parts, 'worker.removed', `Worker ${name} was removed.`, { workerId: id })]);
    tx.afterCommit(() => {
      parts.sessions.forget(id);
      parts.wake();
    });
  });
}
