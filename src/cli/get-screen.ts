/** What `flotilla get` shows: a block that is redrawn on a terminal, plain lines elsewhere, JSON events for programs. */
import type { Failure } from '#core/errors.ts';
import { formatBytes, formatSeconds } from '#lib/format.ts';
import { printable } from '#lib/printable.ts';

/** One download as the screen sees it. */
export type GetItem = {
  link: string;
  name: string;
  state: 'waiting' | 'active' | 'done' | 'failed' | 'interrupted';
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connectionCount: number;
};

/** Facts of a finished download. */
export type GetResult = { path: string; sizeBytes: number; sha256: string | null; verifiedAgainst: string[]; seconds: number };

export interface GetScreen {
  started(item: GetItem, resumedBytes: number): void;
  note(item: GetItem, message: string): void;
  done(item: GetItem, result: GetResult): void;
  /** The file at `path` is as the server has it, and so since that time. */
  unchanged(item: GetItem, path: string, sinceMs: number): void;
  failed(item: GetItem, failure: Failure, canGoOn: boolean): void;
  /** Called about four times a second. */
  tick(items: GetItem[]): void;
  /** Nothing more will come. `hint` says how to go on. */
  end(items: GetItem[], hint: string | null): void;
}

export type Output = { write(text: string): unknown };
export type Terminal = Output & { columns?: number };

/** One JSON object a line on `out`. */
export function jsonScreen(out: Output): GetScreen {
  let ticks = 0;
  const emit = (event: string, fields: object) => out.write(`${JSON.stringify({ event, ...fields })}\n`);
  return {
    started: ({ link, name, sizeBytes }, resumedBytes) => emit('download.started', { link, name, sizeBytes, resumedBytes }),
    note: ({ link }, message) => emit('download.noted', { link, message }),
    done: ({ link, name }, result) => emit('download.completed', { link, name, ...result }),
    unchanged: ({ link, name }, path, sinceMs) => emit('download.unchanged', { link, name, path, sinceMs }),
    failed: ({ link, name }, { code, message, retry }, canGoOn) =>
      emit('download.failed', { link, name, code, message, retry, canGoOn }),
    tick(items) {
      if (ticks++ % 4 !== 3) return;
      for (const { link, state, doneBytes, sizeBytes, speedBytesPerSecond, connectionCount } of items) {
        if (state !== 'active') continue;
        const speed = Math.round(speedBytesPerSecond);
        emit('download.progress', { link, doneBytes, sizeBytes, speedBytesPerSecond: speed, connectionCount });
      }
    },
    end(items, hint) {
      const count = (state: GetItem['state']) => items.filter((item) => item.state === state).length;
      emit('run.ended', {
        done: count('done'),
        failed: count('failed'),
        interrupted: items.length - count('done') - count('failed'),
        hint,
      });
    },
  };
}

/** Lines without redrawing, for logs, pipes and screen readers. The path of each finished file goes to `out`. */
export function plainScreen(out: Output, talk: Output, quiet: boolean): GetScreen {
  const say = (text: string) => {
    if (!quiet) talk.write(`${text}\n`);
  };
  let ticks = 0;
  return {
    started: (item, resumedBytes) => say(startLine(item, resumedBytes)),
    note: (item, message) => say(noteLine(item, message)),
    done(item, result) {
      say(doneLine(item, result));
      out.write(`${result.path}\n`);
    },
    unchanged(item, path, sinceMs) {
      say(unchangedLine(item, sinceMs));
      out.write(`${path}\n`);
    },
    failed: (item, failure) => talk.write(`flotilla: ${noteLine(item, failure.message)}\n`),
    tick(items) {
      if (++ticks % 20 !== 0) return;
      for (const item of items) if (item.state === 'active') say(progressLine(item));
    },
    end(_items, hint) {
      if (hint !== null) talk.write(`${hint}\n`);
    },
  };
}

/** A block of one line per running download, redrawn in place below the lines that stay. */
export function blockScreen(out: Output, terminal: Terminal, colour: boolean, showsPaths: boolean): GetScreen {
  let drawnLines = 0;
  const erase = () => (drawnLines > 0 ? `\x1b[${drawnLines}A\x1b[J` : '');
  const say = (text: string) => {
    terminal.write(`${erase()}${text}\n`);
    drawnLines = 0;
  };
  const draw = (items: GetItem[]) => {
    const width = Math.max(40, (terminal.columns ?? 80) - 1);
    const running = items.filter(({ state }) => state === 'active');
    const lines = running.slice(0, 8).map((item) => barLine(item, width, colour));
    if (items.length > 1) lines.push(totalLine(items).slice(0, width));
    terminal.write(`${erase()}${lines.map((line) => `${line}\n`).join('')}`);
    drawnLines = lines.length;
  };
  return {
    started(item, resumedBytes) {
      if (resumedBytes > 0) say(startLine(item, resumedBytes));
    },
    note: (item, message) => say(noteLine(item, message)),
    done(item, result) {
      say(`${colour ? '\x1b[32m✓\x1b[0m' : '✓'} ${doneLine(item, result)}`);
      // On a terminal the line above has said it already.
      if (showsPaths) out.write(`${result.path}\n`);
    },
    unchanged(item, path, sinceMs) {
      say(`${colour ? '\x1b[32m✓\x1b[0m' : '✓'} ${unchangedLine(item, sinceMs)}`);
      if (showsPaths) out.write(`${path}\n`);
    },
    failed: (item, failure) => say(`${colour ? '\x1b[31m✗\x1b[0m' : '✗'} ${noteLine(item, failure.message)}`),
    tick: draw,
    end(_items, hint) {
      terminal.write(erase());
      drawnLines = 0;
      if (hint !== null) say(hint);
    },
  };
}

function noteLine({ name }: GetItem, message: string): string {
  return printable(`${name}: ${message}`);
}

function startLine(item: GetItem, resumedBytes: number): string {
  const size = item.sizeBytes === null ? 'size not known' : formatBytes(item.sizeBytes);
  return noteLine(item, resumedBytes > 0 ? `${size}, going on after ${formatBytes(resumedBytes)}` : size);
}

function doneLine({ name }: GetItem, { path, sizeBytes, sha256, verifiedAgainst, seconds }: GetResult): string {
  const speed = formatBytes(sizeBytes / Math.max(seconds, 0.001));
  const proof = verifiedAgainst.length > 0 ? `, ${verifiedAgainst.join(' and ')} as promised` : '';
  const digest = sha256 === null ? '' : `, SHA-256 ${sha256}`;
  const where = path.endsWith(`/${name}`) ? path : `${name} as ${path}`;
  return printable(`${where}  ${formatBytes(sizeBytes)} in ${formatSeconds(seconds)} (${speed}/s)${digest}${proof}`);
}

function unchangedLine(item: GetItem, sinceMs: number): string {
  return noteLine(item, `not changed since ${new Date(sinceMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`);
}

function progressLine(item: GetItem): string {
  const { doneBytes, sizeBytes, speedBytesPerSecond } = item;
  const share = sizeBytes === null || sizeBytes === 0 ? '' : `${((doneBytes / sizeBytes) * 100).toFixed(1)} %, `;
  const size = sizeBytes === null ? '' : ` of ${formatBytes(sizeBytes)}`;
  const left = secondsLeft(item);
  const rest = left === null ? '' : `, ${formatSeconds(left)} left`;
  return noteLine(item, `${share}${formatBytes(doneBytes)}${size}, ${formatBytes(speedBytesPerSecond)}/s${rest}`);
}

function barLine(item: GetItem, width: number, colour: boolean): string {
  const { name, doneBytes, sizeBytes, speedBytesPerSecond, connectionCount } = item;
  const share = sizeBytes === null || sizeBytes === 0 ? null : doneBytes / sizeBytes;
  const left = secondsLeft(item);
  const numbers = [
    share === null ? '' : `${(share * 100).toFixed(1)}%`.padStart(6),
    sizeBytes === null ? formatBytes(doneBytes) : `${formatBytes(doneBytes)}/${formatBytes(sizeBytes)}`,
    `${formatBytes(speedBytesPerSecond)}/s`,
    left === null ? '' : formatSeconds(left),
    `${connectionCount} conn`,
  ].filter((text) => text !== '');
  const tail = numbers.join('  ');
  const nameWidth = Math.max(12, Math.min(28, width - tail.length - 16));
  const barWidth = Math.max(0, Math.min(28, width - nameWidth - tail.length - 6));
  const filled = Math.round((share ?? 0) * barWidth);
  const [done, open] = ['━'.repeat(filled), '─'.repeat(barWidth - filled)];
  const bar = colour ? `\x1b[34m${done}\x1b[90m${open}\x1b[0m` : done + open;
  return `${fit(printable(name), nameWidth)}   ${bar}  ${tail}`;
}

function totalLine(items: GetItem[]): string {
  const count = (state: GetItem['state']) => items.filter((item) => item.state === state).length;
  const failed = count('failed') === 0 ? '' : ` · ${count('failed')} failed`;
  const speed = items.reduce((sum, item) => sum + (item.state === 'active' ? item.speedBytesPerSecond : 0), 0);
  return `${count('done')} of ${items.length} done${failed} · ↓ ${formatBytes(speed)}/s · Ctrl+C stops, the same command goes on`;
}

function secondsLeft({ sizeBytes, doneBytes, speedBytesPerSecond }: GetItem): number | null {
  return sizeBytes === null || speedBytesPerSecond < 1 ? null : (sizeBytes - doneBytes) / speedBytesPerSecond;
}

function fit(text: string, width: number): string {
  const letters = [...text];
  return letters.length <= width ? text + ' '.repeat(width - letters.length) : `${letters.slice(0, width - 1).join('')}…`;
}
