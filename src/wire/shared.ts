import type { Closeable, Shared } from '#core/source.ts';

export function createShared(): Shared & { close(): Promise<void> } {
  const things = new Map<string, Closeable>();
  return {
    get<T extends Closeable>(name: string, make: () => T): T {
      const thing = (things.get(name) as T | undefined) ?? make();
      things.set(name, thing);
      return thing;
    },
    async close() {
      const all = [...things.values()];
      things.clear();
      await Promise.allSettled(all.map((thing) => thing.close()));
    },
  };
}
