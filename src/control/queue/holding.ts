/** Tasks whose host has no room now are held, so that those behind them can be seen. */
import { ruleFor } from '#core/limits.ts';
import type { TaskRow, Transaction } from '#core/store.ts';
import type { Settings } from '../control.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { mostOf } from './crowd.ts';

/** Downloads that are let go in one transaction; the others wait for the next round. */
const atOnce = 200;

/** It stays where it is in its queue, and is claimed as soon as its host has room. */
export async function hold(parts: Parts, tx: Transaction, task: TaskRow, { hostRules }: Settings): Promise<void> {
  if (task.status === 'held') return;
  await tx.tasks.update(task.id, { status: 'held' });
  const download = await tx.downloads.get(task.downloadId);
  if (download?.state !== 'queued' || download.reason === 'host') return;
  const most = ruleFor(task.host ?? '', hostRules)?.downloads ?? 0;
  const message = `${most} of ${most} downloads allowed from ${task.host} are running; it waits for one of them.`;
  await tx.downloads.update(download.id, { reason: 'host' });
  await recordEvents(parts, tx, [downloadEvent(parts, { ...download, reason: 'host' }, 'download.queued', message)]);
}

/** The regular round: a host that no rule limits any more holds nobody. */
export async function letGo(parts: Parts): Promise<void> {
  const free = await parts.store.read(async (tx) => {
    const hosts = await tx.tasks.heldHosts();
    if (hosts.length === 0) return [];
    const { hostRules } = await readSettings(tx);
    return hosts.filter((host) => mostOf(host, hostRules) === null);
  });
  if (free.length === 0) return;
  await parts.store.write(async (tx) => {
    for (const host of free) {
      for (const task of (await tx.tasks.heldHeads(host, atOnce)).slice(0, atOnce)) {
        await tx.tasks.update(task.id, { status: 'ready' });
        const download = await tx.downloads.get(task.downloadId);
        if (download?.state !== 'queued' || download.reason !== 'host') continue;
        const message = 'It goes on as soon as there is room.';
        await tx.downloads.update(download.id, { reason: 'slot' });
        await recordEvents(parts, tx, [downloadEvent(parts, { ...download, reason: 'slot' }, 'download.queued', message)]);
      }
    }
    tx.afterCommit(parts.wake);
  });
}
