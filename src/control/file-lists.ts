/** Long lists of files lie beside a download, so that whoever reads many downloads does not read them. */
import type { Download } from '#core/download.ts';
import type { DeliveredFile, FetchedFile } from '#core/protocol.ts';
import type { Resolution, ResolvedFile } from '#core/resolution.ts';
import type { FetchedFacts, StoredDownload, Transaction } from '#core/store.ts';

/** More files than this are a long list. */
const mostInRow = 200;

/** The resolution as it lies in the row of the download. */
export async function putResolution(tx: Transaction, downloadId: string, resolution: Resolution): Promise<Resolution> {
  const { files } = resolution;
  if (files.length <= mostInRow) return resolution;
  await tx.attachments.putMany([{ downloadId, kind: 'files', body: JSON.stringify(files) }]);
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
export async function forgetLists(tx: Transaction, { id, resolution, fetched, options }: StoredDownload): Promise<void> {
  if (resolution?.fileCount !== undefined) await tx.attachments.remove(id, 'files');
  if (fetched?.fileCount !== undefined) await tx.attachments.remove(id, 'fetched');
  if (options.hasDocument) await tx.attachments.remove(id, 'document');
}

async function listOf<T>(tx: Transaction, downloadId: string, kind: 'files' | 'fetched'): Promise<T[]> {
  const body = await tx.attachments.get(downloadId, kind);
  return body === null ? [] : JSON.parse(body);
}
