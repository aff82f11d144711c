/** Which files of a download are wanted, written as in the parameter `so` of a magnet (BEP 53): `0,2-5`. */
import { FlotillaError } from './errors.ts';
import { mostFiles } from './resolution.ts';

export const selectionPattern = /^\d{1,6}(?:-\d{1,6})?(?:,\d{1,6}(?:-\d{1,6})?)*$/;

/** Room for any choice among as many files as a download may have, whoever wrote it down. */
export const longestSelection = 700_000;

/** Indices, ascending; null for an absent selection: all of them. Throws `link_invalid` with a sentence. */
export function parseSelection(text: string | undefined): ReadonlySet<number> | null {
  if (text === undefined) return null;
  if (text.length > longestSelection || !selectionPattern.test(text)) {
    throw new FlotillaError('link_invalid', `${JSON.stringify(text.slice(0, 40))} does not name files. It looks like 0,2-5`);
  }
  const ranges = text.split(',').map((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return [first, Math.min(last, mostFiles)] as const;
  });
  const indices = new Set<number>();
  // Each index once, however often the text names it.
  let next = 0;
  for (const [first, last] of ranges.sort(([a], [b]) => a - b)) {
    for (next = Math.max(next, first); next <= last; next++) indices.add(next);
  }
  return indices;
}

/** The wanted ones with their indices. Throws `link_invalid` when none is left. */
export function select<T>(files: readonly T[], selected: ReadonlySet<number> | null): { index: number; file: T }[] {
  const wanted = files.map((file, index) => ({ index, file })).filter(({ index }) => selected?.has(index) ?? true);
  if (wanted.length > 0 || files.length === 0) return wanted;
  throw new FlotillaError('link_invalid', `None of the ${files.length} files has a number that was asked for.`);
}
