/**
 * Workers that move no bytes: each holds its share of the downloads and reports them each second over HTTP. The bytes that a
 * download has are the milliseconds since the beginning, so that whoever sees them knows how old they are.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWorkerPlane } from '#client/worker-plane.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Claim, TaskProgress, Vitals } from '#core/protocol.ts';
import type { Resolution } from '#core/resolution.ts';
import { version } from '#core/version.ts';

export type LiveWorkers = { beganAtMs: number; each: number; workers: { origin: string; key: string; workerId: string }[] };

const { beganAtMs, each, workers }: LiveWorkers = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const sizeBytes = 1e12;
const mirror = 'https://files.example.org';
const resolution: Resolution = {
  kind: 'http',
  name: 'file.bin',
  files: [{ path: 'file.bin', sizeBytes }],
  resumable: true,
  finalUrl: `${mirror}/file.bin`,
  validator: { etag: '"1"', lastModified: null },
  mediaType: null,
  digests: [],
};
const vitals: Vitals = {
  mostFetches: each,
  cpuShare: 0.5,
  load: 1,
  memoryTotalBytes: 1e9,
  memoryFreeBytes: 1e8,
  diskTotalBytes: 1e12,
  diskFreeBytes: 1e11,
  temperatureCelsius: null,
  temperatureProblem: 'no_sensor',
  speedBytesPerSecond: 1e6,
};

function progressOf({ taskId, epoch }: Claim): TaskProgress {
  const doneBytes = Date.now() - beganAtMs;
  const connections = [0, 1, 2, 3].map((index) => {
    const startByte = (index * sizeBytes) / 4;
    return { mirror, startByte, position: startByte + doneBytes, endByte: startByte + sizeBytes / 4, speedBytesPerSecond: 250 };
  });
  const ranges = connections.map(({ startByte, position }): [number, number] => [startByte, position]);
  return { taskId, epoch, phase: 'fetch', doneBytes, sizeBytes, speedBytesPerSecond: 1000, connections, ranges, stretches: [] };
}

/** null: it did not work this time, as it happens to workers, which go on. */
async function tried<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    process.stdout.write(`problem ${error.code}\n`);
    return null;
  }
}

async function work(index: number): Promise<void> {
  const { origin, key, workerId } = workers[index] as LiveWorkers['workers'][number];
  const plane = createWorkerPlane({ origin, key });
  const never = new AbortController().signal;
  const kinds = ['probe', 'fetch', 'deliver', 'erase'] as const;
  // A fleet does not start at one moment.
  await sleep(50 * index);
  const hello = { workerId, name: `live ${index}`, version, kinds: [...kinds], schemes: ['http:', 'https:'] };
  while ((await tried(plane.register(hello))) === null) await sleep(1000);
  const held: Claim[] = [];
  let reports = 0;
  const report = async () => {
    const tasks = held.map(progressOf);
    const more = reports++ % 5 === 0 ? { vitals } : {};
    const holding = held.map(({ downloadId }) => downloadId ?? '');
    const answer = await tried(plane.report({ workerId, tasks, holding, ...more }));
    // What was taken back, because all begin at once and some were slower than the lease, is another's now.
    const lost = new Set(answer?.orders.map(({ taskId }) => taskId));
    for (let at = held.length; at-- > 0; ) if (lost.has(held[at]?.taskId ?? '')) held.splice(at, 1);
  };
  // Until it has its share: what it has looked at becomes something to fetch, for whoever comes first.
  while (held.length < each) {
    const room = { probe: 10, fetch: each - held.length, deliver: 0, erase: 0 };
    const claims = (await tried(plane.claim({ workerId, room, waitMs: 500 }, never))) ?? [];
    held.push(...claims.filter(({ kind }) => kind === 'fetch'));
    const probes = claims.filter(({ kind }) => kind === 'probe');
    await Promise.all(
      probes.map(({ taskId, epoch }) =>
        tried(plane.finish({ workerId, taskId, epoch, outcome: { kind: 'resolved', resolution } })),
      ),
    );
    await report();
  }
  process.stdout.write(`full ${index}\n`);
  // Workers of a fleet do not speak all at once.
  for (let nextMs = performance.now() + (index / workers.length) * 1000; ; nextMs += 1000) {
    await sleep(Math.max(0, nextMs - performance.now()));
    await report();
    if (performance.now() - nextMs > 3000) process.stdout.write(`late ${Math.round(performance.now() - nextMs)}\n`);
  }
}

await Promise.all(workers.map((_, index) => work(index)));
