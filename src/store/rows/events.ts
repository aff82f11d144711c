import type { Selectable } from 'kysely';
import type { EventName, FlotillaEvent } from '#core/event.ts';
import type { EventRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';
import { dailyCounter } from './daily.ts';

/** The outbox: events wait here for whoever comes back with the sequence it saw last. */
export function eventRows(unit: Unit): EventRows {
  return {
    async append(events) {
      if (events.length === 0) return [];
      const last = await readCounter(unit, 'eventSequence');
      unit.counters.put({ name: 'eventSequence', value: last + events.length });
      const numbered = events.map((event, index) => ({ sequence: last + 1 + index, ...event }));
      for (const event of numbered) unit.events.insert({ ...event, data: JSON.stringify(event.data) });
      return numbered;
    },
    async after(ownerId, sequence, limit) {
      const db = await unit.tables('events');
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
      const db = await unit.tables('events');
      const later = db.selectFrom('events').selectAll().where('sequence', '>', sequence);
      return (await later.orderBy('sequence').limit(limit).execute()).map(toEvent);
    },
    async ofDownload(downloadId) {
      const db = await unit.tables('events');
      const all = db.selectFrom('events').selectAll().where('downloadId', '=', downloadId);
      return (await all.orderBy('sequence').execute()).map(toEvent);
    },
    lastSequence() {
      return readCounter(unit, 'eventSequence');
    },
    prunedSequence() {
      return readCounter(unit, 'prunedEventSequence');
    },
    async prune(beforeMs, limit, afterSequence = 0) {
      const db = await unit.tables('events', 'downloads');
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
      for (const sequence of gone) unit.events.remove([sequence]);
      const highest = gone.at(-1) ?? 0;
      if (highest > (await readCounter(unit, 'prunedEventSequence'))) {
        unit.counters.put({ name: 'prunedEventSequence', value: highest });
      }
      return old.length === limit ? (old.at(-1)?.sequence ?? null) : null;
    },
  };
}

/** Nobody else writes until our commit, so numbers that are taken from a counter follow the commits. */
async function readCounter(unit: Unit, name: string): Promise<number> {
  // Whoever tells something has often counted something too.
  return (await unit.counters.get([name], () => [[dailyCounter]]))?.value ?? 0;
}

function toEvent(row: Selectable<Schema['events']>): FlotillaEvent {
  return { ...row, name: row.name as EventName, data: JSON.parse(row.data) };
}
