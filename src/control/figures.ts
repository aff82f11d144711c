/** What the control plane counts of its own work, for whoever watches it. Each replica counts what it did itself. */
import type { Clock } from '#core/clock.ts';
import { taskKinds } from '#core/protocol.ts';
import type { Store } from '#core/store.ts';
import { type Counter, type Histogram, type Meter, secondsBounds } from '#lib/meter.ts';
import type { Progress } from './progress.ts';

export type Figures = {
  claimed: Counter;
  claimSeconds: Histogram;
  finishSeconds: Histogram;
  ended: Counter;
  leasesLost: Counter;
  retries: Counter;
  failures: Counter;
  fetchedBytes: Counter;
  deliveredBytes: Counter;
};

export function openFigures(meter: Meter): Figures {
  const kinds = taskKinds.map((kind) => ({ kind }));
  const n = (name: string) => `flotilla_${name}`;
  return {
    claimed: meter.counter(n('tasks_claimed_total'), 'Tasks that were given to workers.', kinds),
    claimSeconds: meter.histogram(
      n('claim_duration_seconds'),
      'Time of a round that gives tasks to all who wait.',
      secondsBounds,
    ),
    finishSeconds: meter.histogram(n('finish_duration_seconds'), 'From the result of a task to its commit.', secondsBounds),
    ended: meter.counter(n('tasks_ended_total'), 'Results of tasks that were taken, by kind and outcome.'),
    leasesLost: meter.counter(n('leases_lost_total'), 'Tasks taken back from workers that fell silent.', [{}]),
    retries: meter.counter(
      n('download_retries_total'),
      'Tries that failed and are followed by another, by the code of the failure.',
    ),
    failures: meter.counter(n('download_failures_total'), 'Downloads that failed for good, by the code of the failure.'),
    fetchedBytes: meter.counter(n('fetched_bytes_total'), 'Bytes of whole files that came over the network, useful or not.', [
      {},
    ]),
    deliveredBytes: meter.counter(n('delivered_bytes_total'), 'Bytes of files that were delivered and proven.', [{}]),
  };
}

/** A count of all rows is not made again before this time, nor before this many times the time that it took. */
const leastPauseMs = 10_000;
const pauseShare = 20;

/** What the database and the memory of this replica tell when somebody looks. Of the database all replicas tell the same. */
export function gaugeControl(meter: Meter, parts: { store: Store; clock: Clock; progress: Progress }): void {
  const { store, clock, progress } = parts;
  const count = remembered(clock, () =>
    store.read(async (tx) => ({ states: await tx.downloads.countAll(), tasks: await tx.tasks.countAll() })),
  );
  meter.gauge('flotilla_downloads', 'Downloads that are not removed, by state.', async () => {
    return Object.entries((await count()).states).map(([state, value]) => ({ labels: { state }, value }));
  });
  meter.gauge('flotilla_tasks', 'Tasks that are to be done or in work, by kind and status.', async () => {
    const counted = (await count()).tasks;
    const pairs = taskKinds.flatMap((kind) => statuses.map((status) => ({ kind, status })));
    return pairs.map((labels) => {
      const found = counted.find(({ kind, status }) => kind === labels.kind && status === labels.status);
      return { labels, value: found?.count ?? 0 };
    });
  });
  meter.gauge('flotilla_workers', 'Workers by state.', async () => {
    const workers = await store.read((tx) => tx.workers.list());
    return (['online', 'lost'] as const).map((state) => {
      return { labels: { state }, value: workers.filter((worker) => worker.state === state).length };
    });
  });
  meter.gauge('flotilla_speed_bytes_per_second', 'What the workers that report to this replica fetch together.', () =>
    progress.ownSpeed(),
  );
}

const statuses = ['ready', 'held', 'waiting', 'leased'] as const;

/** The same answer for a while: whoever looks often must not keep a large database busy with counting. */
function remembered<Answer>(clock: Clock, ask: () => Promise<Answer>): () => Promise<Answer> {
  let last: { answer: Promise<Answer>; untilMonoMs: number } | null = null;
  return () => {
    if (last !== null && clock.mono() < last.untilMonoMs) return last.answer;
    const askedAtMs = clock.mono();
    const mine = { answer: ask(), untilMonoMs: askedAtMs + leastPauseMs };
    last = mine;
    mine.answer.then(
      () => {
        mine.untilMonoMs = Math.max(mine.untilMonoMs, askedAtMs + pauseShare * (clock.mono() - askedAtMs));
      },
      () => {
        mine.untilMonoMs = 0;
      },
    );
    return mine.answer;
  };
}
