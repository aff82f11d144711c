import type { Kysely, Selectable } from 'kysely';
import type { DestinationRow, DestinationRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

export function destinationRows(db: Kysely<Pick<Schema, 'destinations'>>): DestinationRows {
  return {
    async get(id) {
      const row = await db.selectFrom('destinations').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toDestination(row) : null;
    },
    async getDefault() {
      const row = await db.selectFrom('destinations').selectAll().where('isDefault', '=', 1).executeTakeFirst();
      return row ? toDestination(row) : null;
    },
    async list() {
      return (await db.selectFrom('destinations').selectAll().orderBy('id').execute()).map(toDestination);
    },
    async put({ id, ...destination }) {
      if (destination.isDefault) await db.updateTable('destinations').set({ isDefault: 0 }).execute();
      const columns = {
        ...destination,
        options: JSON.stringify(destination.options),
        isDefault: destination.isDefault ? 1 : 0,
      };
      await db
        .insertInto('destinations')
        .values({ id, ...columns })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
        .execute();
    },
    async remove(id) {
      await db.deleteFrom('destinations').where('id', '=', id).execute();
    },
  };
}

function toDestination(row: Selectable<Schema['destinations']>): DestinationRow {
  return { ...row, options: JSON.parse(row.options), isDefault: row.isDefault === 1 };
}
