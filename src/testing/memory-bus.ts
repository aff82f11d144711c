import type { Bus, BusMessage } from '#core/bus.ts';

export type MemoryBus = {
  /** The bus as one replica has it. */
  join(): Bus;
  /** Nothing reaches anybody until it is mended; what was said meanwhile is lost. */
  isCut: boolean;
};

/** Joins control planes of one process. Messages arrive at once, as text, as they would between machines. */
export function createMemoryBus(): MemoryBus {
  const listeners = new Map<Bus, Set<(message: BusMessage) => void>>();
  const hub: MemoryBus = {
    isCut: false,
    join() {
      const own = new Set<(message: BusMessage) => void>();
      const bus: Bus = {
        publish(message) {
          if (hub.isCut) return;
          const text = JSON.stringify(message);
          for (const [other, heard] of listeners) if (other !== bus) for (const listener of heard) listener(JSON.parse(text));
        },
        listen(listener) {
          own.add(listener);
          return () => own.delete(listener);
        },
      };
      listeners.set(bus, own);
      return bus;
    },
  };
  return hub;
}
