import { useMutation } from '@tanstack/react-query';
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from 'react';
import { hourOfWeek } from '#core/timetable.ts';
import { useServices } from '../../../services.tsx';
import type { HourSpeed, Timetable } from '../../../types.ts';
import { useNow } from '../../../ui/hooks.ts';
import { Failed } from '../../../ui/states.tsx';
import { show, useT } from '../../../words/words.ts';
import { fullWeek, type Hour, isBetween, moveBy, paint, speeds, toTimetable } from './week.ts';

/** Many hours are painted in a row; they are saved together. */
const saveAfterMs = 600;

type Props = { saved: Timetable | null; timeZone: string; save(week: Timetable | null): Promise<unknown> };

/**
 * The week as a calendar shows it: days beside each other, hours below each other, so that it fits a phone. A mouse paints
 * rectangles, a finger single hours, so that it can still scroll; keys move and paint, and Shift paints on the way.
 */
export function TimetableEditor({ saved, timeZone, save }: Props) {
  const t = useT();
  const nowMs = useNow(30_000);
  const now = hourOfWeek(nowMs, timeZone);
  const { week, change, error } = useDraft(saved, save);
  const [brush, setBrush] = useState<HourSpeed>('limited');
  const [stop, setStop] = useState<Hour>(now);
  const stroke = useRef<{ from: Hour; before: Timetable } | null>(null);
  const table = useRef<HTMLTableElement>(null);

  const paintHours = (isMeant: (hour: Hour) => boolean, before = week) => change(paint(before, brush, isMeant));
  const paintOne = (one: Hour) => paintHours((hour) => isBetween(hour, one, one));
  const moveTo = (hour: Hour) => {
    setStop(hour);
    table.current?.querySelector<HTMLElement>(`[data-hour="${hour.day} ${hour.hour}"]`)?.focus();
  };

  const press = (event: PointerEvent) => {
    const hour = hourOf(event.target);
    if (hour === null || event.pointerType !== 'mouse' || event.button !== 0) return;
    stroke.current = { from: hour, before: week };
    paintOne(hour);
  };
  const drag = (event: PointerEvent) => {
    const hour = hourOf(event.target);
    if (hour === null || stroke.current === null || event.buttons === 0) return;
    const { from, before } = stroke.current;
    paintHours((other) => isBetween(other, from, hour), before);
  };
  const type = (event: KeyboardEvent) => {
    const hour = hourOf(event.target);
    if (hour === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = moveBy(event.key, hour);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) paintHours((other) => isBetween(other, hour, next));
    moveTo(next);
  };

  return (
    <>
      <p className="text-muted">{t('timetable.intro')}</p>
      <p>{t('timetable.zone', { zone: timeZone, time: show.timeIn(nowMs, timeZone) })}</p>
      <fieldset>
        <legend className="mb-1 font-medium">{t('timetable.brush')}</legend>
        <div className="flex flex-wrap gap-x-5 gap-y-1">
          {speeds.map((speed) => (
            <label key={speed} className="flex min-h-8 items-center gap-2">
              <input type="radio" name="brush" checked={speed === brush} onChange={() => setBrush(speed)} />
              <span className="hour hour-sample" data-speed={speed} aria-hidden="true" />
              {t(`timetable.${speed}`)}
            </label>
          ))}
        </div>
      </fieldset>
      <Failed error={error} />
      <table
        ref={table}
        className="timetable"
        onPointerDown={press}
        onPointerOver={drag}
        onPointerUp={() => {
          stroke.current = null;
        }}
        onKeyDown={type}
      >
        <caption className="sr-only">{t('timetable.keys')}</caption>
        <thead>
          <tr>
            <td />
            {days.map((day) => (
              <th key={day} scope="col">
                <button
                  type="button"
                  aria-label={t('timetable.paintDay', { short: show.weekday(day, 'short'), day: show.weekday(day, 'long') })}
                  onClick={() => paintHours((hour) => hour.day === day)}
                >
                  {show.weekday(day, 'short')}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {hours.map((hour) => (
            <tr key={hour}>
              <th scope="row">
                <button
                  type="button"
                  aria-label={t('timetable.paintHour', { hour: clock(hour) })}
                  onClick={() => paintHours((other) => other.hour === hour)}
                >
                  {clock(hour)}
                </button>
              </th>
              {days.map((day) => {
                const speed = week[day]?.[hour] ?? 'full';
                const isNow = now.day === day && now.hour === hour;
                return (
                  <td key={day}>
                    <button
                      type="button"
                      className="hour"
                      data-hour={`${day} ${hour}`}
                      data-speed={speed}
                      aria-current={isNow ? 'time' : undefined}
                      aria-label={t('timetable.hour', {
                        day: show.weekday(day, 'long'),
                        hour: clock(hour),
                        speed: t(`timetable.${speed}`),
                      })}
                      tabIndex={stop.day === day && stop.hour === hour ? 0 : -1}
                      onFocus={() => setStop({ day, hour })}
                      // A mouse has painted it when it was pressed; this is for keys, fingers and screen readers.
                      onClick={() => paintOne({ day, hour })}
                    />
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const days = Array.from({ length: 7 }, (_, day) => day);
const hours = Array.from({ length: 24 }, (_, hour) => hour);

function clock(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`;
}

function hourOf(target: EventTarget): Hour | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-hour]') : null;
  const [day, hour] = cell?.dataset.hour?.split(' ').map(Number) ?? [];
  return day === undefined || hour === undefined ? null : { day, hour };
}

/** The week as it is being painted; saved a moment after the last change, and at once when the screen is left. */
function useDraft(saved: Timetable | null, save: Props['save']) {
  const t = useT();
  const { toasts } = useServices();
  const [draft, setDraft] = useState<Timetable | null>(null);
  const saving = useMutation({
    mutationFn: (week: Timetable) => save(toTimetable(week)),
    onSuccess: (_, week) => {
      setDraft((now) => (now === week ? null : now));
      toasts.add({ text: t('settings.saved'), tone: 'plain' });
    },
  });
  const unsaved = useRef<Timetable | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const flush = useRef(() => {});
  flush.current = () => {
    clearTimeout(timer.current);
    if (unsaved.current !== null) saving.mutate(unsaved.current);
    unsaved.current = null;
  };
  useEffect(() => () => flush.current(), []);
  const change = (week: Timetable) => {
    setDraft(week);
    unsaved.current = week;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => flush.current(), saveAfterMs);
  };
  return { week: draft ?? saved ?? fullWeek, change, error: saving.error };
}
