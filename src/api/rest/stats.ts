import type { Desk, Handlers } from '../handlers.ts';

export function statsHandlers({ control, destinations, version }: Desk): Handlers<'getStats'> {
  async function freeBytes(): Promise<number | null> {
    const main = (await control.destinations()).find((destination) => destination.isDefault);
    return main === undefined ? null : destinations.freeBytes(main);
  }
  return {
    async getStats({ query }, { ownerId }) {
      const [counts, totals, workers, free, period] = await Promise.all([
        control.countsOf(ownerId),
        control.totals(ownerId),
        control.workers(),
        freeBytes(),
        control.stats(ownerId, query.period ?? 'today'),
      ]);
      const speeds = control.progressOfAll(ownerId).map(({ speedBytesPerSecond }) => speedBytesPerSecond);
      return {
        ...totals,
        counts,
        speedBytesPerSecond: speeds.reduce((sum, speed) => sum + speed, 0),
        freeBytes: free,
        workersOnline: workers.filter((worker) => worker.state === 'online').length,
        workersTotal: workers.length,
        version,
        period,
      };
    },
  };
}
