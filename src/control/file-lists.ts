/** Long lists of files lie beside a download, so that whoever reads many downloads does not read them. */
import type { Download } from '#core/download.ts';
import type { DeliveredFile, FetchedFile } from '#core/protocol.ts';
import type { Resolution, ResolvedFile } from '#core/resolution.ts';
import type { FetchedFacts, StoredDownload, Transaction } from '#core/store.ts';

/** More files than this are a long list. */
const mostInRow = 200;

type Listed = Pick<StoredDownload, 'id' | 'resolution' | 'fetched'>;

/** The resolution as it lies in the row of the download, which is given as it was before. */
export async function putResolution(tx: Transaction, download: Listed, resolution: Resolution): Promise<Resolution> {
  const { files } = resolution;
  if (files.length <= mostInRow) {
    await forgetList(tx, download, 'files');
    return resolution;
  }
  await tx.attachments.putMany([{ downloadId: download.id, kind: 'files', body: JSON.stringify(files) }]);
  return { ...resolution, files: [], fileCount: files.length };
}

/** The resolution with all of its files. */
export async function wholeResolution(
  tx: Transaction,
  { id, resolution }: Pick<Download, 'id' | 'resolution'>,
): Promise<Resolution | null> {
  if (resolution?.fileCount === undefined) return resolution;
  const { fileCount: _, ...whole } = resolution;
  return { ...whole, files: await listOf<ResolvedFile>(tx, id, 'files') };
}

/** What was fetched, as it lies in the row. */
export async function putFetched(tx: Transaction, downloadId: string, fetched: FetchedFacts): Promise<FetchedFacts> {
  const { files } = fetched;
  if (files.length <= mostInRow) return fetched;
  await tx.attachments.putMany([{ downloadId, kind: 'fetched', body: JSON.stringify(files) }]);
  return { ...fetched, files: [], fileCount: files.length };
}

/** All files that were fetched. */
export async function fetchedFiles(tx: Transaction, { id, fetched }: StoredDownload): Promise<FetchedFile[]> {
  return fetched?.fileCount === undefined ? (fetched?.files ?? []) : listOf<FetchedFile>(tx, id, 'fetched');
}

/** What was delivered, as it lies in the row of a completed download: its receipt has all. */
export function deliveredInRow(files: DeliveredFile[]): DeliveredFile[] {
  return files.length <= mostInRow ? files : files.slice(0, 1);
}

/** All files that were delivered; null: none were. */
export async function deliveredFiles(
  tx: Transaction,
  { id, state, delivered }: StoredDownload,
): Promise<DeliveredFile[] | null> {
  const receipt = state === 'completed' && delivered !== null ? await tx.receipts.get(id) : null;
  return receipt?.files ?? delivered;
}

/** It is completed: the receipt says all of it. */
export async function forgetLists(tx: Transaction, download: StoredDownload): Promise<void> {
  await forgetList(tx, download, 'files');
  await forgetList(tx, download, 'fetched');
  if (download.options.hasDocument) await tx.attachments.remove(download.id, 'document');
}

/** Its resolution, or what was fetched of it, is no more. The download is given as it was before. */
export async function forgetList(
  tx: Transaction,
  { id, resolution, fetched }: Listed,
  kind: 'files' | 'fetched',
): Promise<void> {
  const before = kind === 'files' ? resolution : fetched;
  if (before?.fileCount !== undefined) await tx.attachments.remove(id, kind);
}

async function listOf<T>(tx: Transaction, downloadId: string, kind: 'files' | 'fetched'): Promise<T[]> {
  const body = await tx.attachments.get(downloadId, kind);
  return body === null ? [] : JSON.parse(body);
}
