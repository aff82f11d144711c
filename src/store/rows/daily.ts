import type { DailyKind, DailyRow, DailyRows, DailySums } from '#core/store.ts';
import type { Unit } from '../unit.ts';

const sums = ['completed', 'failed', 'retries', 'fetchedBytes', 'deliveredBytes'] as const;
const nothing: DailySums = { completed: 0, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 0 };

/** Owner, kind, day and name, and then the sums in their order. */
type Note = [ownerId: string, kind: string, day: string, name: string, ...numbers: number[]];
const keyLength = 4;
/** The last number of a row of notes. */
export const dailyCounter = 'dailySequence';

export function dailyRows(unit: Unit): DailyRows {
  const inPeriod = async (ownerId: string, kind: DailyKind, fromDay: string) => {
    const all = (await unit.tables('daily')).selectFrom('daily').where('ownerId', '=', ownerId);
    return all.where('kind', '=', kind).where('day', '>=', fromDay);
  };
  /** What this transaction noted, by its keys. */
  const noted = new Map<string, Note>();

  async function writeNotes(): Promise<void> {
    const last = (await unit.counters.get([dailyCounter]))?.value ?? 0;
    unit.counters.put({ name: dailyCounter, value: last + 1 });
    unit.dailyNotes.insert({ sequence: last + 1, body: JSON.stringify([...noted.values()]) });
  }

  return {
    async note({ ownerId, kind, day, name }, change) {
      if (noted.size === 0) unit.atEnd(writeNotes);
      addTo(noted, [ownerId, kind, day, name, ...sums.map((column) => change[column] ?? 0)]);
    },
    async hasNotes(count) {
      const text = 'select count(*) as count from (select 1 from "dailyNotes" limit ?) as notes';
      const [row] = await unit.select(['dailyNotes'], text, [count]);
      return Number(row?.count) >= count;
    },
    async settle(most) {
      const rows = await unit.select(['dailyNotes'], 'select * from "dailyNotes" order by sequence limit ?', [most]);
      const all = new Map<string, Note>();
      for (const { sequence, body } of rows) {
        for (const note of JSON.parse(String(body)) as Note[]) addTo(all, note);
        unit.dailyNotes.remove([sequence]);
      }
      for (const [ownerId, kind, day, name, ...numbers] of all.values()) {
        const change = Object.fromEntries(sums.map((column, index) => [column, numbers[index]]));
        unit.daily.add({ ownerId, kind, day, name, ...nothing, ...change });
      }
      return rows.length === most;
    },
    async add({ ownerId, kind, day, name }, change) {
      unit.daily.add({ ownerId, kind, day, name, ...nothing, ...change });
    },
    async byDay(ownerId, fromDay) {
      const rows = await (await inPeriod(ownerId, 'all', fromDay)).selectAll().orderBy('day').execute();
      return rows.map(toRow);
    },
    async byName(ownerId, kind, fromDay, limit) {
      const query = (await inPeriod(ownerId, kind, fromDay))
        .select((e) => ['name', ...sums.map((column) => e.fn.sum<number>(column).as(column))])
        .groupBy('name');
      // The greatest first, by what they brought, and then by how often they were there.
      const rows = await query
        .orderBy((e) => e.fn.sum('deliveredBytes'), 'desc')
        .orderBy((e) => e(e.fn.sum('failed'), '+', e.fn.sum('retries')), 'desc')
        .orderBy('name')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ name: row.name, ...numbersOf(row) }));
    },
    async crowded(kind, fromDay, most) {
      const db = await unit.tables('daily');
      const days = db.selectFrom('daily').select(['ownerId', 'day']).where('kind', '=', kind).where('day', '>=', fromDay);
      const full = days.groupBy(['ownerId', 'day']).having((e) => e.fn.countAll(), '>', most);
      return (await full.execute()).map(({ ownerId, day }) => ({ ownerId, day }));
    },
    async fold({ ownerId, kind, day }, kept, into) {
      const db = await unit.tables('daily');
      const those = db.selectFrom('daily').selectAll().where('ownerId', '=', ownerId).where('kind', '=', kind);
      const rows = await those.where('day', '=', day).orderBy('deliveredBytes', 'desc').orderBy('name').execute();
      const small = rows.filter(({ name }) => name !== into).slice(kept);
      for (const row of small) {
        unit.daily.add({ ownerId, kind, day, name: into, ...numbersOf(row) });
        unit.daily.remove([ownerId, kind, day, row.name]);
      }
    },
  };
}

function toRow({
  ownerId,
  kind,
  day,
  name,
  ...row
}: Record<'ownerId' | 'kind' | 'day' | 'name', string> & DailySums): DailyRow {
  return { ownerId, kind: kind as DailyKind, day, name, ...numbersOf(row) };
}

/** Sums of PostgreSQL are decimals, which come as text. */
function numbersOf(row: Record<keyof DailySums, unknown>): DailySums {
  return Object.fromEntries(sums.map((column) => [column, Number(row[column])])) as DailySums;
}

function addTo(notes: Map<string, Note>, note: Note): void {
  const key = note.slice(0, keyLength).join('\n');
  const known = notes.get(key);
  if (known === undefined) notes.set(key, note);
  else for (let index = keyLength; index < note.length; index++) known[index] = Number(known[index]) + Number(note[index]);
}
