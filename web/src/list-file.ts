/** Files that list what to download: Metalink documents, and plain text with links. */
import { holdsLinks, isMetalinkText } from './links.ts';

/** The text of a Metalink document, which the server reads. */
export type ListDocument = { name: string; text: string };

/** What the server takes of a document. */
const mostDocumentBytes = 1024 * 1024;
const mostTextBytes = 4 * 1024 * 1024;

/** What a file that was dropped or chosen holds for us. */
export type Listed =
  | { kind: 'document'; document: ListDocument }
  | { kind: 'links'; text: string }
  | { kind: 'nothing' }
  | { kind: 'tooLarge' };

export async function readListFile(file: File): Promise<Listed> {
  // Nobody wants to have a film read into memory to learn that it is no list.
  if (file.size > mostTextBytes) return { kind: 'tooLarge' };
  const text = await file.text();
  if (!isMetalinkText(text)) return holdsLinks(text) ? { kind: 'links', text } : { kind: 'nothing' };
  return file.size > mostDocumentBytes ? { kind: 'tooLarge' } : { kind: 'document', document: { name: file.name, text } };
}
