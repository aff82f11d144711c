import type { Clock } from '#core/clock.ts';
import type { Store, Transaction } from '#core/store.ts';
import { type Meter, secondsBounds } from '#lib/meter.ts';

/** The same store, with its time told: how long a job waits for its turn, and how long it takes until it is committed. */
export function meterStore(store: Store, meter: Meter, clock: Clock): Store {
  const waits = meter.histogram('flotilla_store_wait_seconds', 'How long reads and writes wait for their turn.', secondsBounds);
  const takes = meter.histogram(
    'flotilla_store_transaction_duration_seconds',
    'From the turn of a read or write to its end, the commit included.',
    secondsBounds,
  );

  async function timed<T>(kind: 'read' | 'write', work: (tx: Transaction) => Promise<T>): Promise<T> {
    const askedAtMs = clock.mono();
    let begunAtMs: number | null = null;
    const begin = (tx: Transaction) => {
      begunAtMs ??= clock.mono();
      return work(tx);
    };
    try {
      return await (kind === 'read' ? store.read(begin) : store.write(begin));
    } finally {
      const endedAtMs = clock.mono();
      waits.observe(((begunAtMs ?? endedAtMs) - askedAtMs) / 1000, { kind });
      if (begunAtMs !== null) takes.observe((endedAtMs - begunAtMs) / 1000, { kind });
    }
  }

  return {
    read: (work) => timed('read', work),
    write: (work) => timed('write', work),
    close: () => store.close(),
  };
}
