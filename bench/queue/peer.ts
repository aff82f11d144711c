/** One process of another queue, doing nothing with each of its jobs. Without limits and fairness: it has none of the kind. */
import { Queue, Worker } from 'bullmq';
import { run } from 'graphile-worker';
import { Redis } from 'ioredis';
import { PgBoss } from 'pg-boss';
import { obey, type Report, readOrder } from './order.ts';

export type Peer = 'pg-boss' | 'graphile-worker' | 'BullMQ';

/** With `fill` it makes its tables and so many jobs, and ends. */
const { peer, fill, database, batch, seconds } = readOrder<{ peer: Peer; fill?: number }>();
const queue = 'work';
const payload = (index: number) => ({ link: `https://host.example.org/file-${index}.iso` });

const peers: Record<Peer, () => Promise<void>> = {
  async 'pg-boss'() {
    const boss = new PgBoss({ connectionString: database, supervise: false, schedule: false });
    boss.on('error', (error) => console.error(error));
    await boss.start();
    if (fill !== undefined) {
      await boss.createQueue(queue);
      for (const indexes of stretches(fill)) {
        await boss.insert(
          queue,
          indexes.map((index) => ({ data: payload(index) })),
        );
      }
      return process.exit(0);
    }
    await obey(
      seconds,
      async (report, isOver) => {
        while (!isOver()) {
          const askedMs = performance.now();
          const jobs = await boss.fetch(queue, { batchSize: batch });
          if (jobs.length === 0) continue;
          report.claimMs.push(performance.now() - askedMs);
          await boss.complete(
            queue,
            jobs.map(({ id }) => id),
          );
          report.finished += jobs.length;
        }
      },
      () => boss.stop({ graceful: false }),
    );
  },

  async 'graphile-worker'() {
    let told: Report | null = null;
    const worker = {
      concurrentJobs: batch,
      // Its own advice for many short jobs: fetched in batches, completed in batches.
      localQueue: { size: batch },
      completeJobBatchDelay: 0,
      maxPoolSize: batch + 2,
    };
    const start = () =>
      run({
        connectionString: database,
        preset: { worker },
        noHandleSignals: true,
        taskList: {
          work: async () => {
            if (told) told.finished++;
          },
        },
      });
    if (fill !== undefined) {
      const { makeWorkerUtils } = await import('graphile-worker');
      const utils = await makeWorkerUtils({ connectionString: database });
      await utils.migrate();
      for (const indexes of stretches(fill)) {
        await utils.addJobs(indexes.map((index) => ({ identifier: 'work', payload: payload(index) })));
      }
      await utils.release();
      return process.exit(0);
    }
    let runner: Awaited<ReturnType<typeof start>> | null = null;
    await obey(
      seconds,
      async (report, isOver) => {
        told = report;
        runner = await start();
        while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 50));
      },
      async () => runner?.stop(),
    );
  },

  async BullMQ() {
    const connection = new Redis(database, { maxRetriesPerRequest: null });
    if (fill !== undefined) {
      const jobs = new Queue(queue, { connection });
      for (const indexes of stretches(fill)) {
        await jobs.addBulk(indexes.map((index) => ({ name: 'work', data: payload(index) })));
      }
      await jobs.close();
      return process.exit(0);
    }
    let told: Report | null = null;
    const count = async () => {
      if (told) told.finished++;
    };
    const worker = new Worker(queue, count, { connection, concurrency: batch, autorun: false });
    await obey(
      seconds,
      async (report, isOver) => {
        told = report;
        void worker.run();
        while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 50));
      },
      () => worker.close(true),
    );
  },
};

function* stretches(count: number): Generator<number[]> {
  for (let first = 0; first < count; first += 2000) {
    yield Array.from({ length: Math.min(2000, count - first) }, (_, index) => first + index);
  }
}

await peers[peer]();
