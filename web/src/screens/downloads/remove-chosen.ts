import type { Match } from '../../live/selection.ts';
import type { Services } from '../../services.tsx';

/** At once, with a way back; but asks first where more go than are here to be brought back. */
export function removeChosen({ actions, dialog, live }: Services, ids: Iterable<string>, match: Match | null, files: boolean) {
  if (match !== null && live.extent.get() !== 'whole') dialog.set({ kind: 'removeMatching', match, files });
  else void actions.remove(ids, { files }, match);
}
