import pg from 'pg';
import { limits } from './crowd.ts';

/** The most that anybody was seen to have at the same time. */
export type Seen = { ofUser: number; ofHost: number; ofWorker: number; together: number };

/** Looks at what is leased, in committed states, until it is stopped. */
export async function watchLimits(url: string): Promise<{ stop(): Promise<Seen> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const seen: Seen = { ofUser: 0, ofHost: 0, ofWorker: 0, together: 0 };
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const { rows } = await client.query<Record<keyof Seen, string | null>>(`
        with fetching as (select "ownerId", host, "workerId" from tasks where status = 'leased' and kind = 'fetch')
        select (select max(n) from (select count(*) n from fetching group by "ownerId") x) as "ofUser",
               (select max(n) from (select count(*) n from fetching group by host) x) as "ofHost",
               (select max(n) from (select count(*) n from fetching group by "workerId") x) as "ofWorker",
               (select count(*) from fetching) as together`);
      for (const key of Object.keys(seen) as (keyof Seen)[]) seen[key] = Math.max(seen[key], Number(rows[0]?.[key] ?? 0));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await watching;
      await client.end();
      return seen;
    },
  };
}

/** Throws when somebody had more than is allowed. */
export function checkLimits(seen: Seen, batch: number): void {
  const most: Seen = {
    ofUser: limits.maxActive,
    ofHost: limits.hostDownloads,
    ofWorker: batch,
    together: limits.parallelDownloads,
  };
  for (const key of Object.keys(most) as (keyof Seen)[]) {
    if (seen[key] > most[key]) throw new Error(`${seen[key]} were fetched at once (${key}), and ${most[key]} are allowed`);
  }
}
