import type { DailyKind, DailyRow, DailyRows, DailySums } from '#core/store.ts';
import type { Unit } from '../unit.ts';

const sums = ['completed', 'failed', 'retries', 'fetchedBytes', 'deliveredBytes'] as const;
const nothing: DailySums = { completed: 0, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 0 };

export function dailyRows(unit: Unit): DailyRows {
  const inPeriod = async (ownerId: string, kind: DailyKind, fromDay: string) => {
    const all = (await unit.tables('daily')).selectFrom('daily').where('ownerId', '=', ownerId);
    return all.where('kind', '=', kind).where('day', '>=', fromDay);
  };
  return {
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
