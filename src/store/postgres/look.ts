import { performance } from 'node:perf_hooks';
import { openSession } from './connection.ts';
import { connectPatiently, refuseOld } from './postgres.ts';

const waitMs = 5000;

/** Which version it is, and how long a question takes that costs it nothing. Throws what a server would at its start. */
export async function askPostgres(url: string): Promise<{ version: string; answerMs: number }> {
  const client = await connectPatiently(url, waitMs, () => {});
  try {
    const { run } = openSession(client);
    await refuseOld(run);
    const { rows } = await run<{ server_version: string }>('show server_version');
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const begunAtMs = performance.now();
      await run('select 1');
      times.push(performance.now() - begunAtMs);
    }
    return { version: rows[0]?.server_version ?? 'of an unknown version', answerMs: Math.min(...times) };
  } finally {
    await client.end();
  }
}
