/**
 * The bus over LISTEN and NOTIFY (https://www.postgresql.org/docs/current/sql-notify.html), on a connection of its own.
 * Whatever is lost with a broken connection is found by the regular round, so nothing here waits or fails.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Bus, BusMessage } from '#core/bus.ts';
import { createBusQueue, isFigure } from '#core/bus-queue.ts';
import { readMessages, writeMessages } from '#core/bus-text.ts';
import { clientOptions, patience } from './clients.ts';

/** What is said within this time goes together. */
const gatherMs = 25;
/** A payload is shorter than 8000 bytes. Ours are ASCII, so that characters are bytes. */
const pieceLength = 7900;
/** How long a closing replica tries to say what it has to say. */
const lastWordsMs = 500;
const firstWaitMs = 100;
const mostWaitMs = 5000;
/** A connection that only listens notices by this that the other end is gone. */
const askEveryMs = 15_000;

export type PostgresBus = Bus & { close(): Promise<void> };

/** Connects by itself, now and whenever the connection breaks. */
export function openPostgresBus(url: string): PostgresBus {
  const listeners = new Set<(message: BusMessage) => void>();
  const queue = createBusQueue();
  const stop = new AbortController();
  let line: Line | null = null;
  let sending: Promise<void> | null = null;

  function tell(message: BusMessage): void {
    for (const listener of listeners) listener(message);
  }

  async function sendSoon(): Promise<void> {
    while (line !== null && !queue.isEmpty) {
      await sleep(gatherMs);
      await line?.send(writeMessages(queue.take()));
    }
  }

  function send(): void {
    sending ??= sendSoon().finally(() => {
      sending = null;
      // Something may have been added between the last look and now.
      if (line !== null && !queue.isEmpty) send();
    });
  }

  async function stayConnected(): Promise<void> {
    for (let waitMs = firstWaitMs; !stop.signal.aborted; waitMs = Math.min(2 * waitMs, mostWaitMs)) {
      const opened = await openLine(url, tell);
      if (opened !== null) {
        waitMs = firstWaitMs / 2;
        line = opened;
        if (stop.signal.aborted) opened.close();
        // What was said while nobody listened here.
        tell({ kind: 'events' });
        tell({ kind: 'work' });
        send();
        await opened.closed;
        line = null;
      }
      await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  }

  const connected = stayConnected();
  return {
    publish(message) {
      // Figures that nobody can hear are old when somebody can.
      if (line === null && isFigure(message)) return;
      queue.add(message);
      if (line !== null) send();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      // What was said last is told, but nobody waits for long.
      await Promise.race([sending, sleep(lastWordsMs)]);
      stop.abort();
      line?.close();
      await connected;
    },
  };
}

/** One connection. `closed` resolves when it is over, whoever ended it. */
type Line = { send(text: string): Promise<void>; close(): void; closed: Promise<void> };

/** null: it cannot be had now. */
async function openLine(url: string, tell: (message: BusMessage) => void): Promise<Line | null> {
  const client = new pg.Client({
    ...clientOptions(url),
    connectionTimeoutMillis: patience.connectMs,
    query_timeout: patience.answerMs,
  });
  // Not by a farewell, which may wait for ever for an answer.
  const giveUp = () => void socketOf(client).destroy();
  const closed = new Promise<void>((resolve) => {
    client.once('end', resolve);
    // Without a listener a lost connection would end the process; what follows an error is its end.
    client.on('error', giveUp);
  });
  try {
    await client.connect();
    // Replicas of one database may keep their tables in different schemas, and then are no replicas of each other.
    const { rows } = await client.query<{ channel: string; pid: number }>(
      "select 'flotilla_' || md5(current_schema()) as channel, pg_backend_pid() as pid",
    );
    const { channel = '', pid = 0 } = rows[0] ?? {};
    const join = joinPieces();
    client.on('notification', ({ processId, payload = '', channel: from }) => {
      if (processId === pid || from !== channel) return;
      const text = join(processId, payload);
      const messages = text === null ? null : readMessages(text);
      for (const message of messages ?? []) tell(message);
    });
    // A message need not be on the disk before anybody hears it.
    await client.query(`set synchronous_commit = off; listen ${client.escapeIdentifier(channel)}`);
    const notify = (text: string) =>
      client.query('select pg_notify($1, piece) from unnest($2::text[]) piece', [channel, cut(text)]);
    const asking = setInterval(() => client.query('select 1').catch(giveUp), askEveryMs);
    return {
      send: (text) => notify(text).then(() => {}, giveUp),
      close: giveUp,
      closed: closed.finally(() => clearInterval(asking)),
    };
  } catch {
    giveUp();
    return null;
  }
}

/** The way pg offers no word for: https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/connection.js */
function socketOf(client: pg.Client): Socket {
  return (client as pg.Client & { connection: { stream: Socket } }).connection.stream;
}

/** Numbered, because PostgreSQL leaves out a payload that a transaction has sent already. */
function cut(text: string): string[] {
  const count = Math.ceil(text.length / pieceLength);
  return Array.from({ length: count }, (_, index) => {
    return `${index}/${count}:${text.slice(index * pieceLength, (index + 1) * pieceLength)}`;
  });
}

/** The pieces of one text come from one transaction, so they come together and in order; null: it is not whole yet. */
function joinPieces(): (sender: number, payload: string) => string | null {
  let begun: { sender: number; pieces: string[] } = { sender: 0, pieces: [] };
  return (sender, payload) => {
    const [head = '', index = '', count = ''] = /^(\d+)\/(\d+):/.exec(payload) ?? [];
    if (index === '0') begun = { sender, pieces: [] };
    if (head === '' || begun.sender !== sender || begun.pieces.length !== Number(index)) return null;
    begun.pieces.push(payload.slice(head.length));
    return begun.pieces.length === Number(count) ? begun.pieces.join('') : null;
  };
}
