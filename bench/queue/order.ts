/** What the processes of the benchmark tell each other: an order as their argument, a report as their last line. */
import { once } from 'node:events';

/** `batch`: most tasks that one of `workers` has at once. */
export type Order = { database: string; name: string; workers: number; batch: number; seconds: number };

/** `claimMs`: how long each claim took that gave something. */
export type Report = { finished: number; claimMs: number[]; seconds: number; cpuSeconds: number };

export function readOrder<More = unknown>(): Order & More {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** The code is compiled and the server's caches are warm after this time; what was done before is not counted. */
const warmMs = 2000;

/** Says that it is ready, waits for the first byte on standard input, works, and tells what it did. `work` counts as it goes. */
export async function obey(
  seconds: number,
  work: (report: Report, isOver: () => boolean) => Promise<void>,
  close: () => Promise<unknown>,
): Promise<never> {
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const report: Report = { finished: 0, claimMs: [], seconds: 0, cpuSeconds: 0 };
  let usedBefore = process.cpuUsage();
  let beganMs = performance.now() + warmMs;
  setTimeout(() => {
    Object.assign(report, { finished: 0, claimMs: [] });
    usedBefore = process.cpuUsage();
    beganMs = performance.now();
  }, warmMs);
  await work(report, () => performance.now() - beganMs > seconds * 1000);
  report.seconds = (performance.now() - beganMs) / 1000;
  const used = process.cpuUsage(usedBefore);
  report.cpuSeconds = (used.user + used.system) / 1e6;
  await close();
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
  return new Promise(() => {});
}
