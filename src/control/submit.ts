import { type DownloadOptions, nextState } from '#core/download.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { nameFromLink, safeName } from '#core/names.ts';
import { parseSelection } from '#core/selection.ts';
import type {
  AttachmentRow,
  DestinationRow,
  NewEvent,
  StoredDownload,
  SubmissionRow,
  TaskRow,
  Transaction,
} from '#core/store.ts';
import type { Submission } from './control.ts';
import { pickDestination } from './destinations.ts';
import { downloadEvent, recordEvents } from './events.ts';
import { hoursLived } from './hourglass.ts';
import { positionOf } from './ids.ts';
import type { Parts } from './parts.ts';
import { notBefore } from './queue/start-time.ts';
import { newTask } from './queue/tasks.ts';
import { partSecrets, sealSecrets } from './secrets-at-rest.ts';
import { readSettings } from './settings.ts';
import { queueRoomOf } from './size-limit.ts';

/** Keys longer than a day old are forgotten. */
export const submissionLifetimeHours = 24;

/** A new download with what belongs to it. */
export type New = { download: StoredDownload; attachments: AttachmentRow[] };
type Prepared = New | { problem: string };
type Added = StoredDownload | { problem: string };

/** Adds one link. Throws `link_invalid` or `scheme_unknown` with a sentence. */
export async function submit(parts: Parts, ownerId: string, submission: Submission, key?: string): Promise<StoredDownload> {
  // Thrown here with its code; below, among many, only the sentence counts.
  for (const link of [submission.link, ...(submission.options.mirrors ?? [])]) readLink(parts, link);
  const [added] = await submitMany(parts, ownerId, [submission], key);
  if (added === undefined || 'problem' in added) throw new FlotillaError('refused', added?.problem ?? 'Nothing was added.');
  return added;
}

/** Adds many links in one transaction; one that is refused leaves the others alone. */
export function submitMany(parts: Parts, ownerId: string, submissions: Submission[], key?: string): Promise<Added[]> {
  return parts.store.write(async (tx) => {
    const earlier = key === undefined ? null : await recall(tx, ownerId, key);
    if (earlier !== null) return earlier;
    const destinations = new Map<string | undefined, DestinationRow>();
    for (const { destinationId } of submissions) {
      if (!destinations.has(destinationId)) destinations.set(destinationId, await pickDestination(tx, destinationId));
    }
    const prepared = submissions.map((submission) =>
      prepare(parts, ownerId, submission, destinations.get(submission.destinationId)?.id ?? ''),
    );
    const room = await queueRoomOf(tx, ownerId);
    let freeCount = room.freeCount;
    const allowed = prepared.map((one): Prepared => ('problem' in one || freeCount-- > 0 ? one : { problem: room.refusal }));
    await insert(
      parts,
      tx,
      allowed.filter((one) => 'download' in one),
    );
    const added = allowed.map((one): Added => ('download' in one ? one.download : one));
    if (key !== undefined) {
      const results = added.map((one) => ('problem' in one ? { problem: one.problem } : { id: one.id }));
      await tx.submissions.put({ ownerId, key, results, bornHour: await hoursLived(tx) });
    }
    return added;
  });
}

export async function insert(parts: Parts, tx: Transaction, added: New[], message = 'Added.'): Promise<void> {
  if (added.length === 0) return;
  const downloads = added.map(({ download }) => download);
  const settings = await readSettings(tx);
  const tasks: TaskRow[] = [];
  for (const one of downloads) if (one.state === 'queued') tasks.push(await newTask(parts, tx, one, 'probe', settings));
  const events: NewEvent[] = downloads.flatMap((one) => {
    const data = { name: one.name, link: one.link };
    const queued = downloadEvent(parts, one, 'download.queued', message, data);
    return one.state === 'paused'
      ? [queued, downloadEvent(parts, one, 'download.paused', 'Added without starting.')]
      : [queued];
  });
  await tx.downloads.insertMany(downloads);
  await tx.attachments.putMany(added.flatMap(({ attachments }) => attachments));
  await tx.tasks.insertMany(tasks);
  await recordEvents(parts, tx, events);
  tx.afterCommit(parts.wake);
}

function prepare(parts: Parts, ownerId: string, submission: Submission, destinationId: string): Prepared {
  try {
    return makeDownload(parts, ownerId, submission, destinationId);
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    return { problem: toFailure(error).message };
  }
}

/** Under the id of an earlier one when there is one. Throws `link_invalid` or `scheme_unknown`. */
export function makeDownload(
  parts: Parts,
  ownerId: string,
  submission: Submission,
  destinationId: string,
  id = parts.newId(),
): New {
  const link = readLink(parts, submission.link);
  const { promised, document } = submission;
  const { name, mirrors, ...wishes } = submission.options;
  const whole: DownloadOptions = {
    ...wishes,
    ...(name !== undefined && { name: safeName(name) }),
    ...(mirrors !== undefined && { mirrors: mirrors.map((mirror) => readLink(parts, mirror).href) }),
    ...(document !== undefined && { hasDocument: true as const }),
  };
  parseSelection(wishes.files);
  const { link: shownLink, options, secrets } = partSecrets({ link: link.href, options: whole });
  const nowMs = parts.clock.now();
  const isPaused = submission.paused === true;
  const startAtMs = isPaused ? null : notBefore({ options }, nowMs, parts.timeZone);
  const download: StoredDownload = {
    id,
    ownerId,
    link: shownLink,
    kind: null,
    name: options.name ?? nameFromLink(link),
    state: (isPaused ? nextState('queued', 'paused') : null) ?? 'queued',
    phase: null,
    reason: isPaused ? null : startAtMs === null ? 'slot' : 'schedule',
    retryAtMs: startAtMs,
    options,
    destinationId,
    resolution: null,
    sizeBytes: promised?.sizeBytes ?? null,
    doneBytes: 0,
    attempt: 1,
    failure: null,
    createdAtMs: nowMs,
    startedAtMs: null,
    finishedAtMs: null,
    removedAtMs: null,
    priority: 0,
    climb: null,
    tries: 0,
    bestBytes: 0,
    queuedAtMs: nowMs,
    stopAtMs: null,
    position: positionOf(id),
    homeWorkerId: null,
    fetched: null,
    delivered: null,
    isErased: false,
    eraseAtMs: null,
    secrets: secrets === null ? 'none' : 'sealed',
  };
  const attachments: AttachmentRow[] = secrets === null ? [] : [sealSecrets(parts, id, secrets)];
  if (promised !== undefined) attachments.push({ downloadId: id, kind: 'promised', body: JSON.stringify(promised) });
  if (document !== undefined) attachments.push({ downloadId: id, kind: 'document', body: document });
  return { download, attachments };
}

/** Throws `link_invalid` or `scheme_unknown`. */
export function readLink(parts: Parts, text: string): URL {
  const link = parseLink(text);
  if (parts.schemes.includes(link.protocol)) return link;
  const known = parts.schemes.join(', ').replace(/, ([^,]*)$/, ' and $1');
  throw new FlotillaError('scheme_unknown', `Flotilla cannot fetch ${link.protocol} links. It understands ${known}.`);
}

/** What the key was answered with. null: never, so long ago that it was forgotten, or the downloads were. */
async function recall(tx: Transaction, ownerId: string, key: string): Promise<Added[] | null> {
  const row = await tx.submissions.get(ownerId, key);
  if (row === null) return null;
  const ids = row.results.flatMap((result) => ('id' in result ? [result.id] : []));
  const downloads = new Map((await tx.downloads.getMany(ids)).map((download) => [download.id, download]));
  const found = row.results.map((result: SubmissionRow['results'][number]) =>
    'id' in result ? downloads.get(result.id) : result,
  );
  return found.every((one) => one !== undefined) ? found : null;
}
