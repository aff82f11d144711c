import type { Kysely, Selectable } from 'kysely';
import type { EventName, FlotillaEvent } from '#core/event.ts';
import type { EventRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

/** The outbox: events wait here for whoever comes back with the sequence it saw last. */
export function eventRows(db: Kysely<Schema>): EventRows {
  return {
    async append(events) {
      if (events.length === 0) return [];
      const last = await addToCounter(db, 'eventSequence', events.length);
      const first = last - events.length + 1;
      const numbered = events.map((event, index) => ({ sequence: first + index, ...event }));
      for (const chunk of chunksOf(numbered, 100)) {
        const rows = chunk.map((event) => ({ ...event, data: JSON.stringify(event.data) }));
        await db.insertInto('events').values(rows).execute();
      }
      return numbered;
    },
    async after(ownerId, sequence, limit) {
      const rows = await db
        .selectFrom('events')
        .selectAll()
        .where('sequence', '>', sequence)
        .where((e) => e.or([e('ownerId', '=', ownerId), e('ownerId', 'is', null)]))
        .orderBy('sequence')
        .limit(limit)
        .execute();
      return rows.map(toEvent);
    },
    async allAfter(sequence, limit) {
      const later = db.selectFrom('events').selectAll().where('sequence', '>', sequence);
      return (await later.orderBy('sequence').limit(limit).execute()).map(toEvent);
    },
    async ofDownload(downloadId) {
      const all = db.selectFrom('events').selectAll().where('downloadId', '=', downloadId);
      return (await all.orderBy('sequence').execute()).map(toEvent);
    },
    lastSequence() {
      return readCounter(db, 'eventSequence');
    },
    prunedSequence() {
      return readCounter(db, 'prunedEventSequence');
    },
    async prune(beforeMs, limit, afterSequence = 0) {
      const seen = await db
        .selectFrom('events')
        .leftJoin('downloads', 'downloads.id', 'events.downloadId')
        .select(['events.sequence', 'events.atMs', 'downloads.id as keeper'])
        .where('events.sequence', '>', afterSequence)
        .orderBy('events.sequence')
        .limit(limit)
        .execute();
      const old = seen.filter((row) => row.atMs < beforeMs);
      const gone = old.filter((row) => row.keeper === null).map((row) => row.sequence);
      for (const chunk of chunksOf(gone, 500)) await db.deleteFrom('events').where('sequence', 'in', chunk).execute();
      const known = await readCounter(db, 'prunedEventSequence');
      const highest = gone.at(-1) ?? 0;
      if (highest > known) await addToCounter(db, 'prunedEventSequence', highest - known);
      return old.length === limit ? (old.at(-1)?.sequence ?? null) : null;
    },
  };
}

async function readCounter(db: Kysely<Schema>, name: string): Promise<number> {
  const row = await db.selectFrom('counters').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value ?? 0;
}

/** The new value. Another transaction that wants the counter waits for our commit, so numbers follow the commits. */
async function addToCounter(db: Kysely<Schema>, name: string, count: number): Promise<number> {
  const row = await db
    .insertInto('counters')
    .values({ name, value: count })
    .onConflict((conflict) => conflict.column('name').doUpdateSet((e) => ({ value: e('counters.value', '+', count) })))
    .returning('value')
    .executeTakeFirstOrThrow();
  return row.value;
}

function toEvent(row: Selectable<Schema['events']>): FlotillaEvent {
  return { ...row, name: row.name as EventName, data: JSON.parse(row.data) };
}
