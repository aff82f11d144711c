import type { Selectable } from 'kysely';
import type { DestinationRow, DestinationRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

export function destinationRows(unit: Unit): DestinationRows {
  return {
    async get(id) {
      const row = await unit.destinations.get([id]);
      return row && toDestination(row);
    },
    async getDefault() {
      const db = await unit.tables('destinations');
      const row = await db.selectFrom('destinations').selectAll().where('isDefault', '=', 1).executeTakeFirst();
      return row ? toDestination(row) : null;
    },
    async list() {
      const db = await unit.tables('destinations');
      return (await db.selectFrom('destinations').selectAll().orderBy('id').execute()).map(toDestination);
    },
    async put(destination) {
      if (destination.isDefault) {
        const db = await unit.tables('destinations');
        await db.updateTable('destinations').set({ isDefault: 0 }).execute();
        unit.destinations.forget();
      }
      const { options, isDefault } = destination;
      unit.destinations.put({ ...destination, options: JSON.stringify(options), isDefault: isDefault ? 1 : 0 });
    },
    async remove(id) {
      unit.destinations.remove([id]);
    },
  };
}

function toDestination(row: Selectable<Schema['destinations']>): DestinationRow {
  return { ...row, options: JSON.parse(row.options), isDefault: row.isDefault === 1 };
}
