import type { StageMemoryRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function stageMemoryRows(unit: Unit): StageMemoryRows {
  return {
    async get(ownerId, kind, host) {
      const alike = () => unit.tasks.known().flatMap((task) => (task.host === null ? [] : [[task.ownerId, kind, task.host]]));
      const row = await unit.stageMemory.get([ownerId, kind, host], alike);
      return row && { ...row };
    },
    async put(row) {
      unit.stageMemory.put({ ...row });
    },
    async remove(ownerId, kind, host) {
      unit.stageMemory.remove([ownerId, kind, host]);
    },
    async removeBefore(atMs) {
      const db = await unit.tables('stageMemory');
      const result = await db.deleteFrom('stageMemory').where('atMs', '<', atMs).executeTakeFirst();
      unit.stageMemory.forget();
      return Number(result.numDeletedRows);
    },
  };
}
