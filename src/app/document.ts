/** Files that people give instead of links, such as a .torrent. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FlotillaError } from '#core/errors.ts';
import type { Shared } from '#core/source.ts';
import { mostDocumentBytes, recognise } from '#sources/detect.ts';

export type Document = { link: URL; bytes: Uint8Array };

/** The document that the text is the path of; null: it is no path of a file. Throws `unsupported` for a file of no known kind. */
export async function openDocument(text: string, shared: Shared): Promise<Document | null> {
  if (URL.parse(text) !== null) return null;
  const bytes = await readSmall(text);
  return bytes === null ? null : documentOf(bytes, basename(text), shared);
}

/** What a file is about. Throws `unsupported`. */
export async function documentOf(bytes: Uint8Array, name: string | null, shared: Shared): Promise<Document> {
  const source = recognise({ mediaType: null, name, firstBytes: bytes });
  if (source?.linkOf === undefined) {
    const message = `${name ?? 'The file'} is of no kind that Flotilla can fetch anything from. It takes links, .torrent files and Metalink documents.`;
    throw new FlotillaError('unsupported', message);
  }
  return { link: await source.linkOf(bytes, shared), bytes };
}

/** null: there is no such file. Throws `unsupported` for a large one. */
export async function readSmall(path: string): Promise<Uint8Array | null> {
  try {
    const { size: sizeBytes } = await stat(path);
    if (sizeBytes <= mostDocumentBytes) return await readFile(path);
  } catch {
    return null;
  }
  throw new FlotillaError(
    'unsupported',
    `${path} is larger than ${mostDocumentBytes / 2 ** 20} MiB, which no such document is.`,
  );
}
