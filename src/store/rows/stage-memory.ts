import type { StageMemoryRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function stageMemoryRows(unit: Unit): StageMemoryRows {
  return {
    async get(kind, host) {
      const alike = () => unit.tasks.known().flatMap((task) => (task.host === null ? [] : [[kind, task.host]]));
      const row = await unit.stageMemory.get([kind, host], alike);
      return row && { ...row };
    },
    async put(row) {
      unit.stageMemory.put({ ...row });
    },
    async remove(kind, host) {
      unit.stageMemory.remove([kind, host]);
    },
    async removeBefore(atMs) {
      const db = await unit.tables('stageMemory');
      const result = await db.deleteFrom('stageMemory').where('atMs', '<', atMs).executeTakeFirst();
      unit.stageMemory.forget();
      return Number(result.numDeletedRows);
    },
  };
}
