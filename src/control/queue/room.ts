import type { Parts } from '../parts.ts';
import { tellReady } from './due.ts';

const atOnce = 100;

/** A worker has so much room: of the downloads that wait for some, those who fit need not wait any longer, the oldest first. */
export async function offerRoom(parts: Parts, workerId: string, spareBytes: number): Promise<void> {
  if (!parts.isRoomNeeded) return;
  const nowMs = parts.steadyNow();
  await parts.store.write(async (tx) => {
    let restBytes = spareBytes;
    for (const task of await tx.tasks.waitingForRoom(atOnce)) {
      const { neededBytes, roomFromMs } = task;
      if (neededBytes === null || (roomFromMs ?? 0) > nowMs || neededBytes > restBytes) continue;
      const download = await tx.downloads.get(task.downloadId);
      // Its first bytes are elsewhere, and so is the disk that was full.
      if (download === null || (download.homeWorkerId !== null && download.homeWorkerId !== workerId)) continue;
      restBytes -= neededBytes;
      await tellReady(parts, tx, task, download);
    }
  });
}
