/** What has come so far, from the lines that yt-dlp prints. */
import { statSync } from 'node:fs';
import type { EngineState } from '#core/source.ts';
import { SpeedMeter } from '#lib/speed.ts';
import type { Line } from './lines.ts';

type Done = Extract<Line, { is: 'done' }>;
type Begun = Extract<Line, { is: 'begin' }>;

export class Takings {
  /** By number of the entry, from 1. */
  readonly done = new Map<number, Done>();
  readonly #speed: SpeedMeter;
  #doneBytes = 0;
  #begun: Begun | null = null;
  /** Of the entry that is fetched now, by file. */
  #growing = new Map<string, { doneBytes: number; totalBytes: number | null }>();

  constructor(nowMs: number) {
    this.#speed = new SpeedMeter(nowMs);
  }

  hear(byteCount: number): void {
    this.#speed.add(byteCount);
  }

  take(line: Line): void {
    if (line.is === 'begin') {
      this.#begun = line;
      this.#growing = new Map();
    } else if (line.is === 'progress') {
      this.#growing.set(line.file, line);
    } else if (!this.done.has(line.entry)) {
      this.done.set(line.entry, line);
      this.#doneBytes += sizeOf(line.path);
      this.#growing = new Map();
    }
  }

  /** Starts over. */
  forget(): void {
    this.done.clear();
    this.#doneBytes = 0;
    this.#begun = null;
    this.#growing = new Map();
  }

  /** It is at least so large: what is there, and what the rest of the entry says it has. */
  get leastBytes(): number {
    const growing = [...this.#growing.values()];
    const promised =
      this.#begun === null || this.done.has(this.#begun.entry) ? 0 : sum(this.#begun.partSizesBytes.map((size) => size ?? 0));
    return this.#doneBytes + Math.max(promised, sum(growing.map(({ doneBytes }) => doneBytes)));
  }

  state(nowMs: number, openHosts: readonly string[]): EngineState {
    const growing = [...this.#growing.values()];
    const doneBytes = this.#doneBytes + sum(growing.map((file) => file.doneBytes));
    const speedBytesPerSecond = this.#speed.bytesPerSecond(nowMs);
    const sizeBytes = this.#sizeBytes(doneBytes);
    return {
      doneBytes,
      sizeBytes,
      speedBytesPerSecond,
      connections: openHosts.map((mirror) => ({
        mirror,
        startByte: 0,
        position: doneBytes,
        endByte: null,
        speedBytesPerSecond: speedBytesPerSecond / openHosts.length,
      })),
      ranges: doneBytes > 0 ? [[0, doneBytes]] : [],
    };
  }

  /** Known for one video alone, once each of its parts has said how large it is: those of a list come one after the other. */
  #sizeBytes(doneBytes: number): number | null {
    const begun = this.#begun;
    if (begun === null || (begun.entryCount ?? 1) > 1) return null;
    if (this.done.has(begun.entry)) return this.#doneBytes;
    const totals = [...this.#growing.values()].map(({ totalBytes }) => totalBytes);
    const sizes = begun.partSizesBytes.every((size) => size !== null) ? begun.partSizesBytes : totals;
    if (sizes.length < begun.partSizesBytes.length || sizes.some((size) => size === null)) return null;
    return Math.max(doneBytes, sum(sizes.map((size) => size ?? 0)));
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
