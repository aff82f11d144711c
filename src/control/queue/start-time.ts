/** Downloads that a person gave a time to start at, or hours of the day to run in. */
import { endOfHours, notBefore as notBeforeOf } from '#core/hours.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from '../events.ts';
import type { Parts } from '../parts.ts';

type Timed = Pick<StoredDownload, 'options'>;

/** The first moment that it may be looked at or fetched; null: now. */
export function notBefore({ options }: Timed, nowMs: number, timeZone: string): number | null {
  return notBeforeOf(options, nowMs, timeZone);
}

/** When a fetch that begins now has to stop; null: never. */
export function stopAt({ clock, timeZone }: Parts, { options }: Timed): number | null {
  return endOfHours(options, clock.now(), timeZone);
}

/** Tells a queued download whether its task waits for its start. Nothing is told while that is as it was. */
export async function tellStartTime(parts: Parts, tx: Transaction, download: StoredDownload, isEarly: boolean): Promise<void> {
  const startAtMs = isEarly ? notBefore(download, parts.clock.now(), parts.timeZone) : null;
  const isTold = download.reason === 'schedule' && download.retryAtMs === startAtMs;
  if (isTold || (startAtMs === null && !(download.reason === 'schedule' && download.retryAtMs !== null))) return;
  const fields = { reason: startAtMs === null ? 'slot' : 'schedule', retryAtMs: startAtMs } as const;
  await tx.downloads.update(download.id, fields);
  const message = startAtMs === null ? 'It may start now.' : startMessage(parts, startAtMs);
  await recordEvents(parts, tx, [
    downloadEvent(parts, { ...download, ...fields }, 'download.queued', message, { retryAtMs: startAtMs }),
  ]);
}

export function startMessage({ timeZone }: Parts, atMs: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'medium', timeStyle: 'short' });
  return `It starts on ${format.format(atMs)} (${timeZone}).`;
}
