/** Puts running downloads back when the timetable stops them, and tells those that wait what they wait for. */
import type { QueueReason } from '#core/download.ts';
import { hostOf, ruleFor } from '#core/limits.ts';
import type { Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import type { Settings } from '../control.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import { speedNow } from '../limits.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { countFetches } from './crowd.ts';
import { callBackTask } from './tasks.ts';

/** Downloads that are told in one transaction; the others wait for the next round. */
const atOnce = 200;
const stoppedMessage = 'The timetable allows no downloads at this hour. It goes on by itself when the hour is over.';

/** The regular round, each second. Looks at the queue only when something may have changed since the last time. */
export function createReasons(parts: Parts): () => Promise<void> {
  let seen = '';
  let wasStopped = false;
  return async () => {
    await parts.store.write(async (tx) => {
      const settings = await readSettings(tx);
      const isStopped = speedNow(parts, settings) === 'stopped';
      if (isStopped) await stopAll(parts, tx);
      const fullHosts = isStopped ? [] : (await countFetches(tx, settings)).fullHosts().toSorted();
      const facts = JSON.stringify([isStopped, fullHosts, parts.wakeUps.count()]);
      const isAllTold = facts === seen || (await tellAll(parts, tx, settings, isStopped, fullHosts));
      tx.afterCommit(() => {
        seen = isAllTold ? facts : '';
        if (wasStopped && !isStopped) parts.wakeUps.wake();
        wasStopped = isStopped;
      });
    });
  };
}

async function stopAll(parts: Parts, tx: Transaction): Promise<void> {
  for (const task of await tx.tasks.leased()) {
    if (task.kind !== 'fetch' || task.order !== null) continue;
    const download = await tx.downloads.get(task.downloadId);
    if (download?.state !== 'active') continue;
    const doneBytes = parts.leases.ofDownload(download.id)?.progress?.doneBytes ?? download.doneBytes;
    const fields = { reason: 'schedule', doneBytes } as const;
    await changeState(parts, tx, download, 'put_back', fields, { name: 'download.queued', message: stoppedMessage });
    await callBackTask(parts, tx, download.id, 'stop');
  }
}

/** False: there are more than were told. */
async function tellAll(
  parts: Parts,
  tx: Transaction,
  { hostRules }: Settings,
  isStopped: boolean,
  fullHosts: string[],
): Promise<boolean> {
  const tell = async (reason: QueueReason, which: { among: string[] } | { notAmong: string[] }) => {
    const ids = await tx.tasks.waitingOtherwise(reason, which, atOnce);
    for (const download of await tx.downloads.getMany(ids)) {
      const message = isStopped ? stoppedMessage : messageOf(reason, hostOf(download.link), hostRules);
      await tx.downloads.update(download.id, { reason });
      await recordEvents(parts, tx, [downloadEvent(parts, { ...download, reason }, 'download.queued', message)]);
    }
    return ids.length < atOnce;
  };
  if (isStopped) return tell('schedule', { notAmong: [] });
  const isHostTold = await tell('host', { among: fullHosts });
  return (await tell('slot', { notAmong: fullHosts })) && isHostTold;
}

function messageOf(reason: QueueReason, host: string, rules: Settings['hostRules']): string {
  const most = ruleFor(host, rules)?.downloads ?? 0;
  return reason === 'host'
    ? `${most} of ${most} downloads allowed from ${host} are running; it waits for one of them.`
    : 'It goes on as soon as there is room.';
}
