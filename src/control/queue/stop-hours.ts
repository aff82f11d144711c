/** Hours in which the timetable allows nothing put running downloads back. */
import type { QueueReason } from '#core/download.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import type { Settings } from '../control.ts';
import { recordEvents, systemEvent } from '../events.ts';
import { speedNow } from '../limits.ts';
import type { Parts } from '../parts.ts';
import { readSettings } from '../settings.ts';
import { callBackTask } from './tasks.ts';

const toldKey = 'hourTold';
const stoppedMessage = 'The timetable allows no downloads at this hour. It goes on by itself when the hour is over.';

/** The regular round, each second. Those that wait are not touched, however many they are: `shownReason` tells why they do. */
export function createStopHours(parts: Parts): () => Promise<void> {
  return async () => {
    const { settings, running } = await parts.store.read(async (tx) => {
      const settings = await readSettings(tx);
      const isStopped = speedNow(parts, settings) === 'stopped';
      return { settings, running: isStopped ? await tx.tasks.fetching() : [] };
    });
    const isStopped = speedNow(parts, settings) === 'stopped';
    if (isStopped && running.length > 0) await parts.store.write((tx) => stopAll(parts, tx));
    if (isStopped === parts.isStopped) return;
    parts.isStopped = isStopped;
    await parts.store.write((tx) => tellAll(parts, tx, isStopped, settings));
    parts.wake();
  };
}

/** Once, whichever replica notices it first: pages read again why their downloads wait. */
async function tellAll(parts: Parts, tx: Transaction, isStopped: boolean, settings: Settings): Promise<void> {
  const told = isStopped ? 'stopped' : '';
  if (((await tx.meta.get(toldKey)) ?? '') === told) return;
  await tx.meta.put(toldKey, told);
  const message = isStopped ? 'The timetable allows no downloads at this hour.' : 'The timetable allows downloads again.';
  await recordEvents(parts, tx, [systemEvent(parts, 'settings.changed', message, settings)]);
}

async function stopAll(parts: Parts, tx: Transaction): Promise<void> {
  for (const task of await tx.tasks.leased()) {
    if (task.kind !== 'fetch' || task.order !== null) continue;
    const download = await tx.downloads.get(task.downloadId);
    if (download?.state !== 'active') continue;
    const doneBytes = parts.progress.of(download.id)?.doneBytes ?? download.doneBytes;
    const fields = { reason: 'slot', doneBytes } as const;
    const happening = { name: 'download.queued', message: stoppedMessage, data: { reason: 'schedule' } } as const;
    await changeState(parts, tx, download, 'put_back', fields, happening);
    await callBackTask(parts, tx, download.id, 'stop');
  }
}

/** Why it waits, as people see it: in an hour without downloads that is why all wait that could be fetched. */
export function shownReason({ isStopped }: Parts, { state, reason, resolution }: StoredDownload): QueueReason | null {
  const couldRun = state === 'queued' && resolution !== null && (reason === 'slot' || reason === 'host');
  return couldRun && isStopped ? 'schedule' : reason;
}
