import type { Target } from '../../live/selection.ts';
import type { Services } from '../../services.tsx';

/** At once, with a way back; but asks before what cannot be undone. */
export function removeTarget({ actions, dialog }: Services, target: Target, { files }: { files: boolean }): void {
  if ('matching' in target) dialog.set({ kind: 'removeMatching', reach: target.matching, files });
  else if (files) dialog.set({ kind: 'removeFiles', ids: target });
  else void actions.remove(target, { files });
}
