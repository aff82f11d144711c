import type { Kysely } from 'kysely';
import type { StageMemoryRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

export function stageMemoryRows(db: Kysely<Schema>): StageMemoryRows {
  return {
    async get(kind, host) {
      const one = db.selectFrom('stageMemory').selectAll().where('kind', '=', kind).where('host', '=', host);
      const row = await one.executeTakeFirst();
      return row ? { ...row } : null;
    },
    async put(row) {
      const { stage, atMs } = row;
      await db
        .insertInto('stageMemory')
        .values(row)
        .onConflict((conflict) => conflict.columns(['kind', 'host']).doUpdateSet({ stage, atMs }))
        .execute();
    },
    async remove(kind, host) {
      await db.deleteFrom('stageMemory').where('kind', '=', kind).where('host', '=', host).execute();
    },
    async removeBefore(atMs) {
      const result = await db.deleteFrom('stageMemory').where('atMs', '<', atMs).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
