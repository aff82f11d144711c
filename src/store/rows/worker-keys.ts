import type { Kysely } from 'kysely';
import type { WorkerKeyRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';

export function workerKeyRows(db: Kysely<Pick<Schema, 'workerKeys'>>): WorkerKeyRows {
  const by = async (column: 'workerId' | 'joinHash' | 'keyHash', value: string) => {
    const row = await db.selectFrom('workerKeys').selectAll().where(column, '=', value).executeTakeFirst();
    return row ? { ...row } : null;
  };
  return {
    get: (workerId) => by('workerId', workerId),
    byJoin: (joinHash) => by('joinHash', joinHash),
    byKey: (keyHash) => by('keyHash', keyHash),
    async workerIds() {
      const rows = await db.selectFrom('workerKeys').select('workerId').where('keyHash', 'is not', null).execute();
      return rows.map(({ workerId }) => workerId);
    },
    async insert(row) {
      await db.insertInto('workerKeys').values(row).execute();
    },
    async setKey(workerId, keyHash) {
      await db.updateTable('workerKeys').set({ keyHash }).where('workerId', '=', workerId).execute();
    },
    async remove(workerId) {
      await db.deleteFrom('workerKeys').where('workerId', '=', workerId).execute();
    },
    async removeUnused(beforeMs) {
      await db.deleteFrom('workerKeys').where('keyHash', 'is', null).where('joinEndsAtMs', '<', beforeMs).execute();
    },
  };
}
