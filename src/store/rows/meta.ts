import type { MetaRows } from '#core/store.ts';
import type { Unit } from '../unit.ts';

export function metaRows(unit: Unit): MetaRows {
  return {
    async get(key) {
      return (await unit.meta.get([key]))?.value ?? null;
    },
    async put(key, value) {
      unit.meta.put({ key, value });
    },
    async remove(key) {
      unit.meta.remove([key]);
    },
  };
}
