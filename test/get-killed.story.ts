/** kill -9 at any moment costs little and breaks nothing: the same command goes on, and the file is the right one. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFakeRandom } from '#testing/fake-random.ts';
import { namesIn } from '#testing/fetch-into.ts';
import { startProcess } from '#testing/process.ts';
import { firstSeed } from '#testing/seed.ts';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { releaseAfter, type Scope } from '#testing/temp.ts';

const launcher = join(import.meta.dirname, '../flotilla');
const sizeBytes = 256 * 1024 * 1024;
const connections = 4;
const kills = 20;
/** Each costs what lay in the buffers of the system for four connections, which our server counts as sent. */
const mostKillsOfOne = 5;
/** All connections together bring the file in so long: slow enough that on a busy machine, too, little lies in those buffers. */
const seconds = 4;

/** In memory where there is room, so that not the disk is measured. */
function roomyFolder(t: Scope): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flotilla-test-'));
  releaseAfter(t, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the command and kills it after so long. True: the file has its name, be it in the very moment of the kill. */
async function run(t: Scope, folder: string, url: string, killAfterMs: number): Promise<boolean> {
  const get = await startProcess(t, launcher, ['get', '-q', '-d', folder, '-x', String(connections), url]);
  const outcome = await Promise.race([get.exited, sleep(killAfterMs, null, { ref: false })]);
  if (outcome === null) await get.kill('SIGKILL');
  const { code, signal } = await get.exited;
  assert.ok(code === 0 || signal === 'SIGKILL', `exit ${code}: ${get.stderr}`);
  return code === 0 || existsSync(join(folder, 'file.bin'));
}

async function untilDone(t: TestContext, server: HostileServer, body: Buffer, waitMs: () => number): Promise<number> {
  const folder = roomyFolder(t);
  const url = server.url('plain', { bytesPerSecond: sizeBytes / connections / seconds });
  let killed = 0;
  // On a busy machine a run may come no farther than its start.
  while (!(await run(t, folder, url, killed < mostKillsOfOne ? waitMs() : 60_000))) killed++;
  const sentBytes = server.requestsOf(url).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  const finished = namesIn(folder).filter((name) => !/\.part(\.journal)?(\.new)?$/.test(name));
  assert.deepEqual(finished, ['file.bin']);
  assert.ok(readFileSync(join(folder, 'file.bin')).equals(body), 'wrong bytes');
  const share = sentBytes / sizeBytes;
  t.diagnostic(`killed ${killed} times, ${(share * 100).toFixed(1)} % of the file was sent`);
  assert.ok(share <= 1.1, `${(share * 100).toFixed(1)} % of the file was sent`);
  rmSync(folder, { recursive: true });
  return killed;
}

test(`a download that is killed ${kills} times ends with the right bytes and little waste (seed ${firstSeed})`, {
  timeout: 110_000,
}, async (t) => {
  const random = createFakeRandom(firstSeed);
  const body = sampleBytes(sizeBytes, 31);
  const server = await serveHostile(t, { body });
  // From the first moments of the process to about a third of a whole download.
  const waitMs = () => 100 + (random.u32() / 2 ** 32) * 1400;
  for (let killed = 0; killed < kills; ) killed += await untilDone(t, server, body, waitMs);
});
