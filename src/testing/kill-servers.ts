import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '#client/client.ts';
import { createFakeRandom } from './fake-random.ts';
import { startProcess } from './process.ts';
import { firstSeed } from './seed.ts';
import { freePort, type Scope } from './temp.ts';

const launcher = join(import.meta.dirname, '../../flotilla');
const token = 'only for these kills';
/** Downloads that are acknowledged between two kills at least. */
const leastEach = 5;

export type Killed = {
  /** Downloads whose adding was answered with yes. */
  acknowledged: number;
  /** Of these, those that are not there any more. */
  lost: string[];
  /** From the start of the process to its line `ready`, after each kill. */
  restartsMs: number[];
};

/**
 * Adds links over several connections to `flotilla server` while it is killed with SIGKILL again and again, at random
 * moments. `args` say where its data is.
 */
export async function killServers(t: Scope, killCount: number, args: string[]): Promise<Killed> {
  const port = await freePort();
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token });
  const start = () =>
    startProcess(t, launcher, ['server', '--port', String(port), ...args], {
      env: { FLOTILLA_BOOTSTRAP_TOKEN: token },
      ready: /^ready http:\/\/\S+$/m,
      readySeconds: 90,
    });
  let server = await start();
  const acknowledged = new Set<string>();
  const restartsMs: number[] = [];
  let isOver = false;

  async function addOn(name: string): Promise<void> {
    for (let index = 0; !isOver; index++) {
      try {
        const url = `https://example.org/${name}-${index}.iso`;
        // One by one and in batches: both are acknowledged as a whole.
        if (index % 4 !== 0) acknowledged.add((await client.addDownload({ body: { url, paused: true } })).id);
        else {
          const links = Array.from({ length: 5 }, (_, number) => ({ url: `${url}?${number}` }));
          const { items } = await client.addMany({ body: { links, paused: true } });
          for (const { download } of items) if (download !== null) acknowledged.add(download.id);
        }
      } catch {
        // Nobody there, or gone before the answer: then nothing was promised.
        await sleep(20);
      }
    }
  }

  const adders = ['a', 'b', 'c', 'd'].map(addOn);
  const random = createFakeRandom(firstSeed);
  for (let kill = 0; kill < killCount; kill++) {
    // Not before it promised something: a start alone proves nothing.
    const before = acknowledged.size;
    while (acknowledged.size < before + leastEach) await sleep(5);
    await sleep(random.u32() % 300);
    await server.kill('SIGKILL');
    const startedAtMs = performance.now();
    server = await start();
    restartsMs.push(performance.now() - startedAtMs);
  }
  isOver = true;
  await Promise.all(adders);

  const kept = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await client.listDownloads({ query: { limit: 500, ...(cursor !== undefined && { cursor }) } });
    for (const { id } of page.items) kept.add(id);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  await server.stop();
  return { acknowledged: acknowledged.size, lost: [...acknowledged].filter((id) => !kept.has(id)), restartsMs };
}
