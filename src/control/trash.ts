/** What was removed with its files lies in the trash for some days; after that, or when somebody says so, the files are erased. */
import type { StoredDownload, Transaction } from '#core/store.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { deliveredFiles } from './file-lists.ts';
import type { Parts } from './parts.ts';
import { addEraseTask } from './queue/tasks.ts';

const dayMs = 24 * 60 * 60_000;
/** Downloads whose files are given to be erased in one transaction. */
const atOnce = 100;

/** When the files of one that is removed now are erased. */
export function endOfTrash({ clock }: Parts, trashDays: number): number {
  return clock.now() + trashDays * dayMs;
}

/** Has the files of a removed download erased. `delivered` is not null. */
export async function eraseFiles(parts: Parts, tx: Transaction, download: StoredDownload): Promise<StoredDownload> {
  const erased = { ...download, isErased: true, eraseAtMs: null };
  await tx.downloads.update(download.id, { isErased: true, eraseAtMs: null });
  const files = (await deliveredFiles(tx, download)) ?? [];
  await addEraseTask(parts, tx, erased, { files, destinationId: download.destinationId });
  return erased;
}

/** Has erased what has lain in the trash long enough. Idempotent. */
export async function emptyDueTrash(parts: Parts): Promise<void> {
  const nowMs = parts.clock.now();
  for (;;) {
    if ((await parts.store.read((tx) => tx.downloads.toErase(nowMs, 1))).length === 0) return;
    const count = await parts.store.write(async (tx) => {
      const due = await tx.downloads.toErase(nowMs, atOnce);
      for (const download of due) {
        const erased = await eraseFiles(parts, tx, download);
        const message = 'Its time in the trash is over; its files are erased.';
        await recordEvents(parts, tx, [downloadEvent(parts, erased, 'download.removed', message, { files: true })]);
      }
      return due.length;
    });
    if (count < atOnce) return;
  }
}
