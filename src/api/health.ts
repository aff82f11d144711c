import type { FastifyInstance } from 'fastify';
import type { Control } from '#control/control.ts';
import { type Clock, sleep } from '#core/clock.ts';
import { storeUnavailable } from './problem.ts';

/** A database that takes longer is as good as none to whoever waits for a page. */
const patienceMs = 2000;

/** `/healthz`: the process runs, do not restart it. `/readyz`: the database answers, send people here. */
export function registerHealth(app: FastifyInstance, control: Control, clock: Clock): void {
  app.get('/healthz', async (_, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    reply.header('cache-control', 'no-store');
    if (!(await answers(control, clock))) throw storeUnavailable();
    return reply.send({ status: 'ok' });
  });
}

async function answers(control: Control, clock: Clock): Promise<boolean> {
  const enough = new AbortController();
  const asked = control.lastSequence().then(
    () => true,
    () => false,
  );
  const late = sleep(clock, patienceMs, enough.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    enough.abort();
  }
}
