import { safeName } from '#core/names.ts';
import type { Outcome } from '#core/protocol.ts';
import { totalBytes } from '#core/resolution.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from '../change.ts';
import { rememberStage } from '../climb.ts';
import { putFetched, putResolution } from '../file-lists.ts';
import type { Parts } from '../parts.ts';
import { sha256Of, unprovenFetch } from '../proof.ts';
import { handleFailure } from '../queue/failures.ts';
import { addTask, dropTask, newTask } from '../queue/tasks.ts';

type Fetched = Extract<Outcome, { kind: 'fetched' }>;

export async function settleFetched(parts: Parts, tx: Transaction, task: TaskRow, download: StoredDownload, outcome: Fetched) {
  const { files, facts, resolution } = outcome;
  const problem = unprovenFetch(download, files);
  if (problem !== null) return handleFailure(parts, tx, task, download, problem, download.doneBytes);
  const sizeBytes = totalBytes(files) ?? 0;
  const name = download.options.name ?? safeName(resolution.name);
  const came = { workerId: task.workerId ?? '', atMs: parts.clock.now(), files, facts };
  const fetched = await putFetched(tx, download.id, came);
  const about = { sizeBytes, fetchedBytes: facts.fetchedBytes, connections: facts.connections, workerId: task.workerId };
  const sha256 = files.length === 1 ? files.map(sha256Of)[0] : undefined;
  const promises = files.flatMap((file) => file.verifiedAgainst);
  const happenings = [{ name: 'download.fetched' as const, message: 'All bytes are here.', data: { ...about, sha256 } }];
  const verified = {
    name: 'download.verified' as const,
    message: 'The bytes are what was promised.',
    data: { digests: promises },
  };
  const now = await changeState(
    parts,
    tx,
    download,
    'fetched',
    {
      phase: 'deliver',
      fetched,
      homeWorkerId: null,
      resolution: await putResolution(tx, download, resolution),
      kind: resolution.kind,
      name,
      sizeBytes,
      doneBytes: sizeBytes,
      bestBytes: sizeBytes,
      failure: null,
    },
    ...happenings,
    ...(promises.length > 0 ? [verified] : []),
  );
  await rememberStage(parts, tx, now);
  await dropTask(parts, tx, task);
  await addTask(parts, tx, await newTask(parts, tx, now, 'deliver'));
}
