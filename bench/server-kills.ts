/** `node bench/server-kills.ts [count]`: kills a server again and again while links are added, on both databases. */
import { join } from 'node:path';
import { killServers } from '#testing/kill-servers.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { tempFolder } from '#testing/temp.ts';

const count = Number(process.argv[2] ?? 100);
const releases: (() => unknown)[] = [];
const scope = { after: (release: () => unknown) => void releases.push(release) };
try {
  const database = await (await servePostgres(scope, { fsync: true })).newDatabase();
  const data = tempFolder(scope);
  for (const [name, args] of [
    ['SQLite', ['--data', join(data, 'sqlite')]],
    ['PostgreSQL', ['--data', join(data, 'postgres'), '--database', database]],
  ] as const) {
    const { acknowledged, lost, restartsMs } = await killServers(scope, count, [...args]);
    const sorted = restartsMs.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
    console.log(
      `${name}: ${count} kills, ${acknowledged} acknowledged, ${lost.length} lost; ready again after ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
    if (lost.length > 0) process.exitCode = 1;
  }
} finally {
  for (const release of releases.reverse()) await release();
}
