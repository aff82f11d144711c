import type { Selectable } from 'kysely';
import type { DestinationRow, DestinationRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

type Row = Selectable<Schema['destinations']>;

export function destinationRows(unit: Unit): DestinationRows {
  const destinations = async () => (await unit.tables('destinations')).selectFrom('destinations').selectAll();
  const made = new WeakMap<Row, DestinationRow>();
  function toDestination(row: Row): DestinationRow {
    const known = made.get(row) ?? readRow(row);
    made.set(row, known);
    return known;
  }

  return {
    async get(id) {
      const row = await unit.destinations.get([id]);
      return row && toDestination(row);
    },
    async getDefault() {
      const row = await (await destinations()).where('isDefault', '=', 1).executeTakeFirst();
      return row ? toDestination(row) : null;
    },
    async list() {
      return (await (await destinations()).orderBy('id').execute()).map(toDestination);
    },
    async put(destination) {
      if (destination.isDefault) {
        await (await unit.tables('destinations')).updateTable('destinations').set({ isDefault: 0 }).execute();
        unit.destinations.forget();
      }
      const { id, kind, name, options, isDefault } = destination;
      unit.destinations.put({ id, kind, name, options: JSON.stringify(options), isDefault: isDefault ? 1 : 0 });
    },
    async remove(id) {
      unit.destinations.remove([id]);
    },
  };
}

function readRow(row: Row): DestinationRow {
  return { ...row, options: JSON.parse(row.options), isDefault: row.isDefault === 1 };
}
