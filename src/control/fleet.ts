/** What admins do with the machines of the fleet. */
import { FlotillaError } from '#core/errors.ts';
import { recordEvents, systemEvent } from './events.ts';
import type { Parts } from './parts.ts';
import { releaseTask } from './release.ts';

export async function removeWorker(parts: Parts, id: string): Promise<void> {
  await parts.store.write(async (tx) => {
    const worker = await tx.workers.get(id);
    const key = await tx.workerKeys.get(id);
    if (worker === null && key === null) {
      throw new FlotillaError('not_found', 'There is no such worker. It may have been removed.');
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
    await recordEvents(parts, tx, [systemEvent(parts, 'worker.removed', `Worker ${name} was removed.`, { workerId: id })]);
    tx.afterCommit(() => {
      parts.sessions.forget(id);
      parts.wake();
    });
  });
}
