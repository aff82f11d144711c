import { type Change, type DownloadState, isFinished, nextState } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import type { EventName } from '#core/event.ts';
import type { StoredDownload, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from './events.ts';
import type { Parts } from './parts.ts';

/** What else changes with a state. Phase and reason are forgotten unless they are given, for they belong to one state. */
export type Fields = Partial<Omit<StoredDownload, 'id' | 'ownerId' | 'state' | 'finishedAtMs' | 'createdAtMs'>>;

export type Happening = { name: EventName; message: string; data?: Record<string, unknown> };

/**
 * The only way a state changes: through the state machine, in one transaction with its events.
 * Throws `refused` when the change is not allowed from here. Returns the download as it is now.
 */
export async function changeState(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  change: Change,
  fields: Fields,
  ...happenings: Happening[]
): Promise<StoredDownload> {
  const state = nextState(download.state, change);
  if (state === null) throw refusal(download.state, change);
  const place = { state, phase: null, reason: null, retryAtMs: null, finishedAtMs: finishedAt(parts, state) };
  // Only what differs is written: the columns the database derives from the end need not be made anew each time.
  const changes = differences(download, { ...place, ...fields });
  const changed = { ...download, ...changes };
  await tx.downloads.update(download.id, changes);
  await recordEvents(
    parts,
    tx,
    happenings.map(({ name, message, data }) => downloadEvent(parts, changed, name, message, data)),
  );
  return changed;
}

function finishedAt(parts: Parts, state: DownloadState): number | null {
  return isFinished(state) ? parts.clock.now() : null;
}

function differences(download: StoredDownload, wanted: Partial<StoredDownload>): Partial<StoredDownload> {
  const different: Partial<Record<keyof StoredDownload, unknown>> = {};
  for (const key of Object.keys(wanted) as (keyof StoredDownload)[]) {
    if (download[key] !== wanted[key]) different[key] = wanted[key];
  }
  return different as Partial<StoredDownload>;
}

function refusal(state: DownloadState, change: Change): FlotillaError {
  return new FlotillaError('refused', `This download is ${state} and cannot be ${verbs[change] ?? change}.`);
}

const verbs: Partial<Record<Change, string>> = { retried: 'tried again' };
