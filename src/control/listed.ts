/** Links to documents that list files or links, such as Metalink: each listed file becomes a download. */
import { type Failure, FlotillaError, toFailure } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { checkListedWishes, type ListedFile, mostListedFiles, mostMirrors, promisedOf } from '#core/listing.ts';
import { safeName } from '#core/names.ts';
import { requestFor } from '#core/request.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { StoredDownload, TaskRow, Transaction } from '#core/store.ts';
import { changeState } from './change.ts';
import type { ListedWishes, Submission } from './control.ts';
import type { Parts } from './parts.ts';
import { failForGood } from './queue/failures.ts';
import { dropTask, ensureTask } from './queue/tasks.ts';
import { recallWish, secretsGone } from './secrets-at-rest.ts';
import { type QueueRoom, queueRoomOf } from './size-limit.ts';
import { insert, makeDownload, type New } from './submit.ts';

/**
 * What the files of a document are asked for with. `typed` is the link that a person gave, whose origin alone is told what is
 * secret in the request; null: it was the document itself.
 */
export function submissionsOf(listed: ListedFile[], wishes: ListedWishes, typed: URL | null): Submission[] {
  return listed.map((file) => {
    // How the document was to be read is no wish of what it lists.
    const { request, as: _as, parameters: _parameters, files: _files, hasDocument: _hasDocument, ...others } = wishes.options;
    const [link = '', ...mirrors] = file.links;
    const folders = file.path?.split('/') ?? [];
    const name = folders.pop();
    const promised = promisedOf(file);
    const asked = request && (typed === null ? requestFor(request, null, new URL(link)) : request);
    return {
      ...wishes,
      link,
      // The control plane compares it too, and people see it.
      options: {
        ...(name !== undefined && { name }),
        ...(promised.digests[0] && { checksum: promised.digests[0] }),
        ...(folders.length > 0 && { folder: folders.join('/') }),
        ...(mirrors.length > 0 && { mirrors }),
        ...others,
        ...(asked && { request: asked, ...(typed && { requestOrigin: typed.origin }) }),
      },
      promised,
    };
  });
}

/** The download becomes the first of the files, so that whoever holds its id sees it through; the others are added. */
export async function settleListed(
  parts: Parts,
  tx: Transaction,
  task: TaskRow,
  download: StoredDownload,
  allListed: ListedFile[],
): Promise<void> {
  const room = await queueRoomOf(tx, download.ownerId);
  const wanted = wantedOf(parts, download, allListed);
  if ('failure' in wanted) return failForGood(parts, tx, task, download, wanted.failure);
  const { listed, leftOutCount } = wanted;
  const isRoom = listed.length - 1 <= room.freeCount;
  const made = isRoom ? await makeListed(parts, tx, download, listed) : { failure: tooMany(room, listed.length) };
  if ('failure' in made) return failForGood(parts, tx, task, download, made.failure);
  const { first, others } = made;
  await tx.attachments.remove(download.id);
  await tx.attachments.putMany(first.attachments);
  const { link, options, name, secrets, sizeBytes } = first.download;
  const which = others.length === 0 ? 'this file' : `${listed.length} files; this is the first`;
  const leftOut = leftOutCount === 0 ? '' : ` ${leftOutCount} links that Flotilla cannot fetch are left out.`;
  const queued = await changeState(
    parts,
    tx,
    download,
    'resolved',
    { reason: 'slot', link, options, name, secrets, sizeBytes, climb: null, tries: 0, failure: null },
    {
      name: 'download.resolved',
      message: `The link led to a document that lists ${which}: ${name}.${leftOut}`,
      data: { name, link, listedCount: listed.length },
    },
  );
  await dropTask(parts, tx, task);
  await ensureTask(parts, tx, queued);
  await insert(parts, tx, others, `Listed by the document at ${download.link}.`);
}

/** What was chosen of it, without links of a list that nobody here can fetch. */
function wantedOf(
  { schemes }: Parts,
  { options }: StoredDownload,
  allListed: ListedFile[],
): { listed: ListedFile[]; leftOutCount: number } | { failure: Failure } {
  try {
    checkListed(allListed);
    const chosen = select(allListed, parseSelection(options.files)).map(({ file }) => file);
    const canFetch = ({ path, links }: ListedFile) =>
      path !== null || schemes.includes(URL.parse(links[0] ?? '')?.protocol ?? '');
    const listed = chosen.filter(canFetch);
    if (listed.length > 0) return { listed, leftOutCount: chosen.length - listed.length };
    const message = `The document lists ${chosen.length} links, and Flotilla can fetch none of them.`;
    throw new FlotillaError('unsupported', message);
  } catch (error) {
    if (error instanceof FlotillaError) return { failure: toFailure(error) };
    throw error;
  }
}

function tooMany({ refusal }: QueueRoom, count: number): Failure {
  return { code: 'refused', message: `It lists ${count} files. ${refusal}`, retry: 'never', retryAfterMs: null };
}

type Made = { first: New; others: New[] };

async function makeListed(
  parts: Parts,
  tx: Transaction,
  download: StoredDownload,
  listed: ListedFile[],
): Promise<Made | { failure: Failure }> {
  const wish = await recallWish(parts, tx, download);
  if (wish === null) return { failure: secretsGone(download) };
  const { id, ownerId, destinationId } = download;
  try {
    const { name, checksum, mirrors } = wish.options;
    checkListedWishes(listed, { isNamed: (name ?? checksum) !== undefined, hasMirrors: mirrors !== undefined });
    const submissions = submissionsOf(listed, { options: wish.options }, parseLink(wish.link));
    const [first, ...others] = submissions.map((one, index) =>
      makeDownload(parts, ownerId, one, destinationId, index === 0 ? id : undefined),
    ) as [New, ...New[]];
    return { first, others };
  } catch (error) {
    if (error instanceof FlotillaError) return { failure: toFailure(error) };
    throw error;
  }
}

/** Workers are authenticated, not believed. */
function checkListed(listed: ListedFile[]): void {
  const isOdd = ({ path, links }: ListedFile) =>
    links.length === 0 || links.length > mostMirrors || path?.split('/').some((part) => safeName(part) !== part);
  if (listed.length === 0 || listed.length > mostListedFiles || listed.some(isOdd)) {
    throw new FlotillaError('protocol_error', 'The worker listed files in a way that is not safe.');
  }
}
