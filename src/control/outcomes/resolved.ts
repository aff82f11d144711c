import { type Failure, toFailure } from '#core/errors.ts';
import { safeName } from '#core/names.ts';
import type { Outcome } from '#core/protocol.ts';
import { type Resolution, type ResolvedFile, totalBytes } from '#core/resolution.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import { putResolution } from '../file-lists.ts';
import { settleListed } from '../listed.ts';
import type { Parts } from '../parts.ts';
import { failForGood } from '../queue/failures.ts';
import { dropTask, ensureTask, queueFor } from '../queue/tasks.ts';
import { releaseTask } from '../release.ts';
import { type LimitReader, tooLarge } from '../size-limit.ts';

type Resolved = Extract<Outcome, { kind: 'resolved' }>;

export async function settleResolved(
  parts: Parts,
  tx: Transaction,
  limitsOf: LimitReader,
  task: TaskRow,
  download: StoredDownload,
  { resolution, listed, mightBe }: Resolved,
): Promise<void> {
  if (mightBe !== undefined && (await isLeftToOthers(parts, tx, task, download, mightBe))) return;
  if (listed !== undefined) return settleListed(parts, tx, task, download, listed);
  const name = download.options.name ?? safeName(resolution.name);
  const { kind } = resolution;
  const selected = selectedFiles(download, resolution);
  if ('message' in selected) return failForGood(parts, tx, task, { ...download, name }, selected);
  const sizeBytes = totalBytes(selected);
  const refusal = sizeBytes === null ? null : tooLarge(sizeBytes, await limitsOf(download.ownerId));
  if (refusal !== null) return failForGood(parts, tx, task, { ...download, sizeBytes, name }, refusal);
  const queued = await changeState(
    parts,
    tx,
    download,
    'resolved',
    {
      reason: 'slot',
      kind,
      name,
      resolution: await putResolution(tx, download, resolution),
      sizeBytes,
      tries: 0,
      failure: null,
    },
    { name: 'download.resolved', message: `It is ${name}.`, data: { name, kind, sizeBytes, resumable: resolution.resumable } },
  );
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, queued);
}

/** A worker that has what that kind takes, when there is one, looks again. */
async function isLeftToOthers(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload, kind: string) {
  // Workers are not believed: what names another kind would send it back to where it came from.
  if (!parts.kindsWithoutScheme.includes(kind)) return false;
  const queue = await queueFor(parts, tx, { ...download, options: { ...download.options, as: kind } }, task.kind);
  if (queue === task.queue) return false;
  await releaseTask(parts, tx, task, 'There may be more behind it. A worker that can tell looks next.', null);
  await tx.tasks.update(task.id, { queue });
  return true;
}

/** Of the wanted files; or why there are none. */
function selectedFiles({ options }: StoredDownload, { files }: Resolution): ResolvedFile[] | Failure {
  try {
    return select(files, parseSelection(options.files)).map(({ file }) => file);
  } catch (error) {
    return toFailure(error);
  }
}
