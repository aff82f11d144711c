import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api.ts';
import { usePreferences } from '../../preferences.ts';
import type { Download, Pieces as PiecesData } from '../../types.ts';
import { colourOf } from '../../ui/colour.ts';
import { useMedia } from '../../ui/hooks.ts';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';
import { hueOf, mapPieces, type PieceMap } from './piece-map.ts';

const cellPx = 10;
const rowsMost = 14;
const workers = 5;

/** Which parts of the file are on disk, as a map and as words. Asked for once a second while it is looked at. */
export function Pieces({ row }: { row: Download }) {
  const t = useT();
  const isActive = row.state === 'active';
  const { data, error, refetch } = useQuery({
    queryKey: ['pieces', row.id],
    queryFn: ({ signal }) => api.pieces(row.id, signal),
    refetchInterval: isActive ? 1000 : false,
    staleTime: 0,
  });
  const [isTable, setIsTable] = useState(false);
  const [holder, width] = useWidth();
  if (data === undefined) return error === null ? <Loading /> : <ErrorState error={error} onRetry={refetch} />;

  const columns = Math.max(8, Math.floor(width / cellPx));
  const map = mapPieces(whole(data, row), columns * rowsMost);
  return (
    <div ref={holder} className="flex flex-col gap-3">
      {map === null ? (
        <p>{t('pieces.unknown', { done: show.bytes(row.doneBytes) })}</p>
      ) : (
        <>
          <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
            <p className="font-medium">{summary(map, whole(data, row), t)}</p>
            <button type="button" className="button quiet ms-auto" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>
              {t(isTable ? 'pieces.map' : 'pieces.table')}
            </button>
          </div>
          <Legend map={map} pieces={data} />
          {isTable ? (
            <PieceTable pieces={whole(data, row)} />
          ) : (
            <PieceCanvas map={map} columns={columns} label={summary(map, whole(data, row), t)} />
          )}
        </>
      )}
    </div>
  );
}

/** A completed download has no ranges in scratch any more; all of it is where it belongs. */
function whole(pieces: PiecesData, row: Download): PiecesData {
  if (row.state !== 'completed' || row.sizeBytes === null) return pieces;
  return { sizeBytes: row.sizeBytes, ranges: [[0, row.sizeBytes]], connections: [], stretches: [] };
}

function summary(map: PieceMap, pieces: PiecesData, t: ReturnType<typeof useT>): string {
  const done = map.cells.filter((cell) => cell === 'done').length;
  return t('pieces.summary', {
    done: show.count(done),
    total: show.count(map.cells.length),
    size: show.bytes(map.cellBytes),
    percent: show.percent(map.doneBytes, pieces.sizeBytes ?? 0),
  });
}

function Legend({ map, pieces }: { map: PieceMap; pieces: PiecesData }) {
  const t = useT();
  const count = (wanted: string) => show.count(map.cells.filter((cell) => cell === wanted).length);
  return (
    <ul aria-label={t('pieces.legend')} className="flex flex-wrap gap-x-4 gap-y-1 text-dense">
      <Entry colour="--work" text={t('pieces.done', { count: count('done') })} />
      <Entry colour="--work" isPart text={t('pieces.part', { count: count('part') })} />
      <Entry colour="--track" text={t('pieces.missing', { count: count('missing') })} />
      {pieces.stretches.map(({ mirror, ranges }, index) => (
        <Entry
          key={mirror}
          colour={`--worker-${(index % workers) + 1}`}
          text={t('pieces.mirror', { mirror, size: show.bytes(bytesOf(ranges)) })}
        />
      ))}
      {pieces.connections.map(({ startByte }, index) => (
        <Entry
          key={startByte}
          colour={`--worker-${(hueOf(pieces, index) % workers) + 1}`}
          text={connectionText(t, pieces, index)}
        />
      ))}
    </ul>
  );
}

function Entry({ colour, text, isPart = false }: { colour: string; text: string; isPart?: boolean }) {
  return (
    <li className="flex items-center gap-1.5">
      <span
        aria-hidden="true"
        className="size-3 rounded-[2px] border border-control forced-color-adjust-none"
        style={{
          background: isPart ? `linear-gradient(to top right, var(${colour}) 50%, var(--track) 50%)` : `var(${colour})`,
        }}
      />
      {text}
    </li>
  );
}

/** One canvas, whatever the number of cells: ten thousand elements would be slower to lay out than the file to fetch. */
function PieceCanvas({ map, columns, label }: { map: PieceMap; columns: number; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const { theme } = usePreferences();
  const rows = Math.ceil(map.cells.length / columns);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read from the document, where the theme sets them
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (canvas.current === null || context == null) return;
    const ratio = devicePixelRatio;
    canvas.current.width = columns * cellPx * ratio;
    canvas.current.height = rows * cellPx * ratio;
    context.scale(ratio, ratio);
    const colours = { done: colourOf('--work'), missing: colourOf('--track') };
    const hues = Array.from({ length: workers }, (_, index) => colourOf(`--worker-${index + 1}`));
    const size = cellPx - 1;
    map.cells.forEach((cell, index) => {
      const x = (index % columns) * cellPx;
      const y = Math.floor(index / columns) * cellPx;
      const hue = map.writing.get(index);
      const mirror = map.broughtBy.get(index);
      const done = mirror === undefined ? colours.done : (hues[mirror % workers] as string);
      context.fillStyle = cell === 'done' ? done : colours.missing;
      context.fillRect(x, y, size, size);
      if (hue !== undefined) {
        context.fillStyle = hues[hue % workers] as string;
        context.fillRect(x, y, size, size);
      } else if (cell === 'part') {
        // Half a cell by its corner: the shape tells it without the colour.
        context.fillStyle = done;
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(x, y + size);
        context.lineTo(x + size, y + size);
        context.fill();
      }
    });
  }, [map, columns, rows, isDark, theme]);

  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label}
      style={{ width: columns * cellPx, height: rows * cellPx }}
      className="block max-w-full forced-color-adjust-none"
    />
  );
}

function connectionText(t: ReturnType<typeof useT>, { connections, stretches }: PiecesData, index: number): string {
  const { mirror = '', speedBytesPerSecond = 0 } = connections[index] ?? {};
  const facts = { number: index + 1, speed: show.speed(speedBytesPerSecond), mirror };
  return t(stretches.length === 0 ? 'pieces.connection' : 'pieces.connectionTo', facts);
}

function bytesOf(ranges: [number, number][]): number {
  return ranges.reduce((sum, [startByte, endByte]) => sum + endByte - startByte, 0);
}

/** With several mirrors each stretch says who brought it. */
function onDisk({ ranges, stretches }: PiecesData, t: ReturnType<typeof useT>) {
  const row = ([startByte, endByte]: [number, number], text: string) => ({ startByte, endByte, text });
  if (stretches.length === 0) return ranges.map((range) => row(range, t('pieces.onDisk')));
  return stretches.flatMap(({ mirror, ranges: own }) => own.map((range) => row(range, t('pieces.onDiskFrom', { mirror }))));
}

const mostRanges = 200;

/** The same facts for people who cannot see the map, and for those who want numbers. */
function PieceTable({ pieces }: { pieces: PiecesData }) {
  const t = useT();
  const rows = [
    ...onDisk(pieces, t).slice(0, mostRanges),
    ...pieces.connections.map(({ position, endByte }, index) => ({
      startByte: position,
      endByte: endByte ?? pieces.sizeBytes ?? position,
      text: connectionText(t, pieces, index),
    })),
  ].sort((a, b) => a.startByte - b.startByte);
  return (
    <table className="w-full max-w-160 text-dense">
      <caption className="sr-only">{t('pieces.table')}</caption>
      <thead>
        <tr className="border-b border-hairline text-start text-muted">
          <th className="py-1 text-start font-medium">{t('pieces.from')}</th>
          <th className="py-1 text-start font-medium">{t('pieces.to')}</th>
          <th className="py-1 text-start font-medium">{t('column.size')}</th>
          <th className="py-1 text-start font-medium">{t('column.state')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ startByte, endByte, text }) => (
          <tr key={`${startByte}-${text}`} className="border-b border-hairline">
            <td className="py-1">{show.bytes(startByte)}</td>
            <td className="py-1">{show.bytes(endByte)}</td>
            <td className="py-1">{show.bytes(endByte - startByte)}</td>
            <td className="py-1">{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(600);
  const observer = useRef<ResizeObserver | null>(null);
  const [watch] = useState(() => (element: HTMLElement | null) => {
    observer.current?.disconnect();
    if (element === null) return;
    observer.current = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 600)));
    observer.current.observe(element);
  });
  return [watch, width];
}
