/**
 * `node bench/kills.ts [COUNT]`: kills `flotilla get` so many times (100) with SIGKILL, each time in another download and at a
 * random moment of it, runs the same command again, and tells how many files are right and what came twice.
 * Ends with 1 when a file is wrong, when anything is left behind, or when more was wasted than promised.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFakeRandom } from '#testing/fake-random.ts';
import { startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import type { Scope } from '#testing/temp.ts';

const MiB = 1024 * 1024;
const sizeBytes = 64 * MiB;
const connections = 4;
/** The larger of both may come twice after one kill. */
const mostWastedBytes = Math.max(16 * MiB, sizeBytes * 0.05);
/** From the first moments of the process to a little after the end of an undisturbed download. */
const [soonestMs, latestMs] = [50, 2800];

const count = Number(process.argv[2] ?? 100);
/** A run names its seed; give it as FLOTILLA_SEED to have the same moments again. */
const seed = Number(process.env.FLOTILLA_SEED ?? Date.now() % 1_000_000);

const releases: (() => unknown)[] = [];
const scope: Scope = { after: (release) => releases.push(release) };
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flotilla-kills-'));
releases.push(() => rmSync(root, { recursive: true, force: true }));
try {
  await killThemAll();
} finally {
  for (const release of releases.reverse()) await release();
}

async function killThemAll(): Promise<void> {
  const body = sampleBytes(sizeBytes, 31);
  const server = await serveHostile(scope, { body });
  const random = createFakeRandom(seed);
  const wasted: number[] = [];
  let [killed, tooLate, right] = [0, 0, 0];
  while (killed < count) {
    const folder = mkdtempSync(join(root, 'to-'));
    // Slow enough that next to nothing waits in the buffers of the kernel, which counts as sent: about two seconds.
    const url = server.url('plain', { bytesPerSecond: sizeBytes / 2 / connections });
    const args = ['get', '-q', '-d', folder, '-x', String(connections), url];
    const killAfterMs = soonestMs + (random.u32() / 2 ** 32) * (latestMs - soonestMs);
    const first = await startProcess(scope, launcher, args);
    const ended = await Promise.race([first.exited, sleep(killAfterMs, null)]);
    if (ended === null) await first.kill('SIGKILL');
    if ((await first.exited).signal === 'SIGKILL') {
      killed++;
      const second = await startProcess(scope, launcher, args);
      await second.exited;
    } else tooLate++;
    const sentBytes = server.requestsOf(url).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    const isRight = readdirSync(folder).join() === 'file.bin' && readFileSync(join(folder, 'file.bin')).equals(body);
    if (isRight && ended === null) right++;
    if (!isRight)
      console.log(`killed after ${killAfterMs.toFixed(0)} ms: ${readdirSync(folder).join(', ') || 'nothing'} is there`);
    if (ended === null) wasted.push(Math.max(0, sentBytes - sizeBytes));
    rmSync(folder, { recursive: true });
  }
  tell(
    killed,
    right,
    tooLate,
    wasted.toSorted((a, b) => a - b),
  );
}

function tell(killed: number, right: number, tooLate: number, wasted: number[]): void {
  const inMiB = (bytes = 0) => `${(bytes / MiB).toFixed(1)} MiB`;
  const most = wasted.at(-1) ?? 0;
  const all = wasted.reduce((sum, bytes) => sum + bytes, 0);
  const share = ((all / (killed * sizeBytes)) * 100).toFixed(1);
  console.log(
    `seed ${seed}: ${killed} kills of downloads of ${inMiB(sizeBytes)} (${tooLate} more were done before their kill)`,
  );
  console.log(`right files: ${right} of ${killed}`);
  console.log(`came twice: median ${inMiB(wasted[wasted.length >> 1])}, most ${inMiB(most)}, all together ${share} %`);
  const isKept = right === killed && most <= mostWastedBytes;
  console.log(`bar: all files right, at most ${inMiB(mostWastedBytes)} twice: ${isKept ? 'kept' : 'MISSED'}`);
  if (!isKept) process.exitCode = 1;
}
