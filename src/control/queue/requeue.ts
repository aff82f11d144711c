/** Tasks that wait follow when it changes which workers may take them: in stretches, for there may be a million. */
import type { Parts } from '../parts.ts';
import { requeueKey as key } from './requeue-mark.ts';
import { moveTask } from './tasks.ts';

const atOnce = 1000;

/** The regular round: the next stretch, when there is one. */
export async function requeueSome(parts: Parts): Promise<void> {
  const isDone = await parts.store.read(async (tx) => (await tx.meta.get(key)) === null);
  if (isDone) return;
  await parts.store.write(async (tx) => {
    const afterId = await tx.meta.get(key);
    if (afterId === null) return;
    const tasks = await tx.tasks.unclaimed(afterId, atOnce);
    await tx.downloads.getMany(tasks.map(({ downloadId }) => downloadId));
    for (const task of tasks) {
      const download = task.kind === 'fetch' || task.kind === 'probe' ? await tx.downloads.get(task.downloadId) : null;
      if (download !== null) await moveTask(parts, tx, task, download);
    }
    const last = tasks.at(-1);
    if (last !== undefined && tasks.length === atOnce) await tx.meta.put(key, last.id);
    else await tx.meta.remove(key);
  });
}
