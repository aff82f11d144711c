// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by themselves
// biome-ignore-all lint/a11y/useFocusableInteractive: the row takes the focus, not its cells
import { EllipsisVertical } from 'lucide-react';
import { memo, useSyncExternalStore } from 'react';
import { useFacts } from '../../facts.tsx';
import { useDownload, useServices } from '../../services.tsx';
import { useNow } from '../../ui/hooks.ts';
import { StateGlyph } from '../../ui/icons.tsx';
import { familyColour, Progress } from '../../ui/progress.tsx';
import { describeState } from '../../words/state.ts';
import { show, useT } from '../../words/words.ts';

type Props = { id: string; index: number; top: number; isTabStop: boolean; isShown: boolean };

/** Beside the icon rail there is no room for the time left, and on a small tablet none for the size. */
export const columnClass = { left: 'max-desktop:hidden', size: 'max-[861px]:hidden' };

/** One download. Draws itself again when its own numbers change; clicks and keys are heard by the grid around it. */
export const Row = memo(function Row({ id, index, top, isTabStop, isShown }: Props) {
  const t = useT();
  const row = useDownload(id);
  const { selection } = useServices();
  const isTicked = useSyncExternalStore(selection.listen, () => selection.has(id));
  const { settings, nameOfDestination, isAnyWorkerHere } = useFacts();
  const isWaiting = row?.state === 'queued' && row.retryAtMs !== null;
  const nowMs = useNow(isWaiting ? 1000 : null);
  if (row === undefined) return null;

  const state = describeState(row, {
    nowMs,
    maxTries: settings?.maxTries,
    destinationName: nameOfDestination(row.destinationId),
    isAnyWorkerHere,
  });
  const isMoving = row.state === 'active';
  return (
    <div
      role="row"
      data-row={id}
      data-shown={isShown}
      aria-rowindex={index + 2}
      aria-selected={isTicked}
      tabIndex={isTabStop ? 0 : -1}
      className="row columns cursor-default"
      style={{ transform: `translateY(${top}px)` }}
    >
      <span role="gridcell" data-area="check" className="flex items-center self-stretch" data-tick="">
        <input type="checkbox" tabIndex={-1} aria-label={t('row.select', { name: row.name })} checked={isTicked} readOnly />
      </span>
      <span role="gridcell" data-area="name" className="truncate" title={row.name}>
        {row.name}
      </span>
      <span
        role="gridcell"
        data-area="state"
        className={`flex min-w-0 items-center gap-1.5 font-medium ${familyColour[state.family]}`}
        title={row.failure?.message ?? state.text}
      >
        <StateGlyph name={state.icon} />
        <span className="truncate">{state.text}</span>
      </span>
      <span role="gridcell" data-area="bar">
        <Progress row={row} family={state.family} />
      </span>
      <span role="gridcell" className={`truncate text-end ${columnClass.size}`}>
        {row.sizeBytes === null ? <NotKnown /> : show.bytes(row.sizeBytes)}
      </span>
      <span role="gridcell" data-area="speed" data-live="" className="truncate text-end">
        {isMoving && row.speedBytesPerSecond > 0 && show.speed(row.speedBytesPerSecond)}
      </span>
      <span role="gridcell" data-live="" className={`truncate text-end ${columnClass.left}`}>
        {isMoving && row.etaSeconds !== null && show.duration(row.etaSeconds)}
      </span>
      <span role="gridcell" data-area="menu" className="flex items-center justify-center">
        <button
          type="button"
          data-menu=""
          tabIndex={-1}
          className="flex h-7 w-7 items-center justify-center rounded-card hover:bg-bg pointer-coarse:size-11"
          aria-haspopup="menu"
          aria-label={t('row.menu', { name: row.name })}
        >
          <EllipsisVertical size={18} aria-hidden="true" />
        </button>
      </span>
    </div>
  );
});

function NotKnown() {
  const t = useT();
  return (
    <>
      <span aria-hidden="true" className="text-muted">
        —
      </span>
      <span className="sr-only">{t('value.unknown')}</span>
    </>
  );
}
