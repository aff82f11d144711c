import type { Kysely } from 'kysely';
import type { ShareRow, ShareRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import { chunksOf } from './chunks.ts';

export function shareRows(db: Kysely<Schema>): ShareRows {
  return {
    async getMany(accounts) {
      const found: ShareRow[] = [];
      for (const chunk of chunksOf(accounts, 500)) {
        const rows = await db.selectFrom('shares').selectAll().where('account', 'in', chunk).execute();
        found.push(...rows.map((row) => ({ ...row })));
      }
      return found;
    },
    async putMany(rows) {
      for (const chunk of chunksOf(rows, 500)) {
        await db
          .insertInto('shares')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.column('account').doUpdateSet((e) => ({ virtualTime: e.ref('excluded.virtualTime') })),
          )
          .execute();
      }
    },
  };
}
