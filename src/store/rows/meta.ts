import type { Kysely } from 'kysely';
import type { MetaRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

export function metaRows(db: Kysely<Pick<Schema, 'meta'>>): MetaRows {
  return {
    async get(key) {
      const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
      return row?.value ?? null;
    },
    async put(key, value) {
      await db
        .insertInto('meta')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute();
    },
    async remove(key) {
      await db.deleteFrom('meta').where('key', '=', key).execute();
    },
  };
}
