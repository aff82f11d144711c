/**
 * The bus over LISTEN and NOTIFY (https://www.postgresql.org/docs/current/sql-notify.html), on a connection of its own.
 * Whatever is lost with a broken connection is found by the regular round, so nothing here waits or fails.
 */
import type { Socket } from 'node:net';
import pg from 'pg';
import type { BusMessage } from '#core/bus.ts';
import { readMessages, writeMessages } from '#core/bus-text.ts';
import type { Clock } from '#core/clock.ts';
import { createLineBus, type Line, type LineBus } from '#core/line-bus.ts';
import { clientOptions, patience } from './clients.ts';

/** A payload is shorter than 8000 bytes. Ours are ASCII, so that characters are bytes. */
const pieceLength = 7900;
/** A connection that only listens notices by this that the other end is gone. */
const askEveryMs = 15_000;

/** Connects by itself, now and whenever the connection breaks. */
export function openPostgresBus(url: string, clock: Clock): LineBus {
  return createLineBus({ clock, open: (hear) => openLine(url, hear) });
}

/** Throws when it cannot be had now. */
async function openLine(url: string, hear: (message: BusMessage) => void): Promise<Line> {
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
      for (const message of messages ?? []) hear(message);
    });
    // A message need not be on the disk before anybody hears it.
    await client.query(`set synchronous_commit = off; listen ${client.escapeIdentifier(channel)}`);
    const notify = (text: string) =>
      client.query('select pg_notify($1, piece) from unnest($2::text[]) piece', [channel, cut(text)]);
    const asking = setInterval(() => client.query('select 1').catch(giveUp), askEveryMs);
    return {
      send: (messages) => notify(writeMessages(messages)).then(() => {}, giveUp),
      close: giveUp,
      closed: closed.finally(() => clearInterval(asking)),
    };
  } catch (error) {
    giveUp();
    throw error;
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
