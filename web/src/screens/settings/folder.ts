import type { Destination } from '../../types.ts';

/** The folder of a local destination; empty for one of another kind. */
export function folderOf({ options }: Destination): string {
  return typeof options.folder === 'string' ? options.folder : '';
}
