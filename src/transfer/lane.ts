/** One connection, and the stretch of the file that it works on. */
import type { SpeedMeter } from '#lib/speed.ts';
import type { Mirror } from './mirrors.ts';
import type { Toll } from './toll.ts';

export type Lane = {
  mirror: Mirror;
  startByte: number;
  position: number;
  /** Falls when another connection takes the back part over; null when only the end of the stream tells. */
  endByte: number | null;
  /** When its server answered, or when it was asked. */
  startedMs: number;
  /** null until the server has answered. */
  toll: Toll | null;
  /** A limit holds it back. */
  isHeld: boolean;
  /** When bytes arrived last, or could have begun to; null until the server has answered. */
  lastByteMs: number | null;
  meter: SpeedMeter;
  control: AbortController;
  /** Another connection fetches the same bytes, because this one says nothing any more. */
  isRaced: boolean;
};

/** A connection shows after this long what it can do. */
const measuredMs = 1000;

/** The content is another than when we began, or than on the other mirrors. */
export class Changed extends Error {}

/** The connection is better spent elsewhere. */
export class Moved extends Error {}

/** Has it brought all that it should? */
export function isDone({ position, endByte }: Lane): boolean {
  return endByte !== null && position >= endByte;
}

/** One that is being cut or is done shows nothing any more. */
export function hasShownSpeed(lane: Lane, nowMs: number): boolean {
  const isAtWork = !lane.control.signal.aborted && !isDone(lane);
  return isAtWork && lane.position > lane.startByte && nowMs - lane.startedMs >= measuredMs;
}

/** Will it bring any of these bytes? */
export function overlaps({ position, endByte }: Lane, startByte: number, untilByte: number): boolean {
  return position < untilByte && (endByte === null || endByte > startByte);
}
