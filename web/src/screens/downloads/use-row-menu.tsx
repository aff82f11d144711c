import { lazy, type ReactNode, Suspense } from 'react';

const RowMenu = lazy(() => import('./row-menu.tsx').then(({ RowMenu }) => ({ default: RowMenu })));

/** Which row asked for its menu, where it should stand, and the downloads it acts on. */
export type MenuRequest = { id: string; ids: string[]; anchor: Element | { x: number; y: number } };

/** The menu of a row, loaded when the first one is opened. */
export function useRowMenu(request: MenuRequest | null, onClose: () => void, onOpen: (id: string) => void): ReactNode {
  if (request === null) return null;
  return (
    <Suspense>
      <RowMenu request={request} onClose={onClose} onOpen={onOpen} />
    </Suspense>
  );
}
