import { FlotillaError } from '#core/errors.ts';
import type { ListedFile } from '#core/listing.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { Desk } from '../handlers.ts';

/** The files that a Metalink document lists, those that are wanted. Throws `unsupported` or `link_invalid` with a sentence. */
export async function readMetalink({ listings }: Desk, text: string, files?: string): Promise<ListedFile[]> {
  const reader = listings.find(({ kind }) => kind === 'metalink');
  if (reader === undefined) throw new FlotillaError('unsupported', 'This server reads no Metalink documents.');
  const listed = await reader.read(Buffer.from(text), { address: null });
  return select(listed, parseSelection(files)).map(({ file }) => file);
}
