import { Menu } from '@base-ui/react/menu';
import {
  ArrowDownToLine,
  ArrowUpToLine,
  Ban,
  FolderX,
  Info,
  Link,
  Pause,
  Play,
  RotateCw,
  SlidersHorizontal,
  Trash2,
} from 'lucide-react';
import type { ComponentType } from 'react';
import { canBePlaced, canCancel, canPause, canResume, canRetry, canRetryChanged } from '../../actions.ts';
import { useServices } from '../../services.tsx';
import { useT } from '../../words/words.ts';
import { removeChosen } from './remove-chosen.ts';
import type { MenuRequest } from './use-row-menu.tsx';

type Props = { request: MenuRequest; onClose(): void; onOpen(id: string): void };

export function RowMenu({ request, onClose, onOpen }: Props) {
  const t = useT();
  const services = useServices();
  const { actions, dialog, live, selection } = services;
  const { id, ids, anchor } = request;
  const rows = ids.map((each) => live.store.row(each)).filter((row) => row !== undefined);
  const isOne = ids.length === 1;
  // What was ticked with all that match means all of them here too, as it does for the keys.
  const match = isOne ? null : selection.match();

  const item = (label: string, Icon: ComponentType<{ size: number; 'aria-hidden': 'true' }>, run: () => unknown, tone = '') => (
    <Menu.Item key={label} className={tone} onClick={() => void run()}>
      <Icon size={16} aria-hidden="true" />
      {label}
    </Menu.Item>
  );

  const virtual = anchor instanceof Element ? anchor : { getBoundingClientRect: () => new DOMRect(anchor.x, anchor.y, 0, 0) };
  return (
    <Menu.Root open onOpenChange={(open) => open || onClose()}>
      <Menu.Portal container={document.getElementById('main')}>
        <Menu.Positioner anchor={virtual} align={anchor instanceof Element ? 'end' : 'start'} sideOffset={4} className="z-20">
          {/* The row gets the focus back, not the ⋯ button: arrows go on from there. */}
          <Menu.Popup
            className="menu"
            aria-label={isOne ? t('row.menu', { name: rows[0]?.name ?? '' }) : t('bulk.selected', { count: ids.length })}
            finalFocus={() => document.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`) ?? false}
          >
            {rows.some(canPause) && item(t('action.pause'), Pause, () => actions.pause(ids, match))}
            {rows.some(canResume) && item(t('action.resume'), Play, () => actions.resume(ids, match))}
            {rows.some(canRetry) && item(t('action.retry'), RotateCw, () => actions.retry(ids, match))}
            {isOne &&
              rows.some(canRetryChanged) &&
              item(t('action.retryChanged'), SlidersHorizontal, () => dialog.set({ kind: 'retryChanged', id }))}
            {rows.some(canBePlaced) && item(t('action.first'), ArrowUpToLine, () => actions.place(ids, 'first'))}
            {rows.some(canBePlaced) && item(t('action.last'), ArrowDownToLine, () => actions.place(ids, 'last'))}
            {rows.some(canCancel) && item(t('action.cancelDownload'), Ban, () => actions.cancel(ids, match))}
            {isOne && item(t('action.details'), Info, () => onOpen(id))}
            {isOne && item(t('action.copyLink'), Link, () => actions.copyLink(id))}
            <Menu.Separator className="my-1 h-px bg-hairline" />
            {item(t('action.remove'), Trash2, () => removeChosen(services, ids, match, false))}
            {item(t('action.removeFiles'), FolderX, () => removeChosen(services, ids, match, true), 'text-bad')}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
