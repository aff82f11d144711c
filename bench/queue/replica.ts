/** One replica of the benchmark: a control plane with some workers that claim and finish as fast as they can. */
import { openPostgresStore } from '#store/postgres/postgres.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { systemClock as clock } from '#wire/system.ts';
import { joinWorker, openControl } from './crowd.ts';
import { obey, readOrder } from './order.ts';

const { database, name, workers: count, batch, seconds } = readOrder();
const isPostgres = database.startsWith('postgres:');
const store = await (isPostgres ? openPostgresStore(database, { clock }) : openSqliteStore(database, { clock }));
const control = await openControl(store);
const workers = await Promise.all(Array.from({ length: count }, (_, index) => joinWorker(control, `${name}-${index}`)));
const sweeper = setInterval(() => void control.sweep(), 1000);

await obey(
  seconds,
  async (report, isOver) => {
    const work = async (worker: (typeof workers)[number]) => {
      while (!isOver()) {
        const askedMs = performance.now();
        const claims = await worker.claim({ fetch: batch, deliver: batch }, 200);
        if (claims.length === 0) continue;
        report.claimMs.push(performance.now() - askedMs);
        await Promise.all(claims.map((claim) => worker.finish(claim)));
        report.finished += claims.length;
      }
    };
    await Promise.all(workers.map(work));
    clearInterval(sweeper);
  },
  async () => {
    await control.close();
    await store.close();
  },
);
