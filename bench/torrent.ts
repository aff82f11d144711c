/**
 * Flotilla, aria2 and qBittorrent fetch the same torrent from one seed on loopback, in turns. Then what is promised beside the clock:
 * the memory of the engine, what a kill costs, and that the server answers meanwhile.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '#client/client.ts';
import { encode } from '#lib/bencode.ts';
import { startProcess } from '#testing/process.ts';
import { sampleFile } from '#testing/serve-nginx.ts';
import { serveTracker } from '#testing/serve-torrents.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';
import { readMetainfo } from '#wire/metainfo.ts';
import { type Case, type CaseResult, type PlainRow, runCase, type TransferOptions } from './case.ts';
import { aria2Quiet, bare, fileName, flotillaEnv } from './programs.ts';
import { pieceHashes } from './torrent/piece-hashes.ts';
import { configure, fetchScript, seedWithQbittorrent } from './torrent/qbittorrent.ts';

const pieceLengthBytes = 2 ** 20;
const mostEngineMiB = 300;
const mostAnswerMs = 50;
const env = { ...flotillaEnv, FLOTILLA_TORRENT_DHT: 'false' };

export async function benchTorrent(t: Scope, options: TransferOptions): Promise<CaseResult[]> {
  const { folder, sizeBytes, say } = options;
  const served = tempFolder(t);
  say('making the torrent');
  const sha256 = sampleFile(served, fileName, sizeBytes, 1);
  const tracker = await serveTracker(t);
  const pieces = pieceHashes(join(served, fileName), pieceLengthBytes);
  const info = { length: sizeBytes, name: fileName, 'piece length': pieceLengthBytes, pieces };
  const torrent = encode({ announce: tracker.announceUrl, info });
  const path = join(folder, 'bench.torrent');
  writeFileSync(path, torrent);
  const seed = await seedWithQbittorrent(t, torrent, served);
  await tracker.untilSeeds(readMetainfo(torrent).infoHash ?? '', 1);
  const wants = (name: string) => options.cases.length === 0 || options.cases.includes(name);
  const results: CaseResult[] = [];
  if (wants('torrent')) results.push(await runClock(await clockCase(t, options, path, sha256)));
  if (wants('killed')) results.push(plain('killed', await runKilled(options, path, seed)));
  if (wants('answers')) results.push(plain('answers', await runAnswers(t, options, torrent)));
  return results;

  async function runClock(one: Case): Promise<CaseResult> {
    let peakMiB = 0;
    const timer = setInterval(() => (peakMiB = Math.max(peakMiB, engineMiB())), 250);
    const result = await runCase(one, options).finally(() => clearInterval(timer));
    say(`the engine took ${Math.round(peakMiB)} MiB at most`);
    const memory = promise('torrent', `${mostEngineMiB} MiB for the engine`, 'memory', peakMiB / mostEngineMiB, 1);
    return { ...result, rows: [...result.rows, memory] };
  }
}

async function clockCase(t: Scope, options: TransferOptions, path: string, sha256: string): Promise<Case> {
  const profile = tempFolder(t);
  const webPort = await freePort();
  const port = await freePort();
  const api = `http://127.0.0.1:${webPort}/api/v2`;
  const aria2 = ['--enable-dht=false', '--bt-enable-lpd=false', '--seed-time=0', '--file-allocation=none'];
  return {
    name: 'torrent',
    title: 'A torrent of one file from one seed, from the start of the program to its end',
    measure: 'wallSeconds',
    files: new Map([[fileName, sha256]]),
    sizeBytes: options.sizeBytes,
    commands: {
      flotilla: (folder) => ({ argv: [...options.flotilla, 'get', '-q', ...bare, '-d', folder, path], env }),
      aria2: (folder) => ({ argv: [...aria2Quiet, ...aria2, '-d', folder, path] }),
      qbittorrent: (folder) => {
        rmSync(profile, { recursive: true, force: true });
        configure(profile, { host: '127.0.0.5', port, webPort, saveFolder: folder });
        return { argv: ['sh', '-c', fetchScript, 'sh', profile, path, api] };
      },
    },
    bars: { aria2: 1.6, qbittorrent: 1.1 },
  };
}

/** Killed half-way with everything that belongs to it; then the same command goes on. */
async function runKilled(
  { flotilla, outFolder, sizeBytes, say }: TransferOptions,
  path: string,
  seed: { givenBytes(): Promise<number> },
): Promise<PlainRow> {
  const folder = join(outFolder, 'killed');
  const [command = '', ...start] = flotilla;
  const args = [...start, 'get', '-q', ...bare, '-d', folder, path];
  const scope = { after: () => {} };
  const before = await seed.givenBytes();
  const first = await startProcess(scope, command, args, { env });
  while ((await seed.givenBytes()) - before < sizeBytes / 2) await sleep(20);
  await first.kill('SIGKILL');
  const again = await startProcess(scope, command, args, { env });
  const { code } = await again.exited;
  if (code !== 0) throw new Error(`the second run ended with ${code}: ${again.stderr}`);
  // It adds up once a second.
  await sleep(3000);
  const share = ((await seed.givenBytes()) - before) / sizeBytes;
  say(`killed half-way, ${(share * 100).toFixed(2)} % of the size was given`);
  rmSync(folder, { recursive: true, force: true });
  return promise('killed', '1 % again at most', 'bytes', share, 1.01);
}

/** The list of downloads is asked for while a server fetches the torrent. */
async function runAnswers(t: Scope, { flotilla, say }: TransferOptions, torrent: Uint8Array): Promise<PlainRow> {
  const [command = '', ...start] = flotilla;
  const token = 'the token of a benchmark';
  const args = [...start, 'serve', '--data', tempFolder(t), '--port', '0'];
  const ready = /^ready http:\/\/\S+$/m;
  const server = await startProcess(t, command, args, {
    ...{ env: { ...env, FLOTILLA_BOOTSTRAP_TOKEN: token }, ready, readySeconds: 90, stopSeconds: 25 },
  });
  const client = createClient({ baseUrl: /^ready (\S+)$/m.exec(server.stdout)?.[1] ?? '', token });
  const { id } = await client.addDownload({ body: { document: Buffer.from(torrent).toString('base64') } });
  const answersMs: number[] = [];
  for (let state = 'queued'; state !== 'completed'; ) {
    const startedAtMs = performance.now();
    const { items } = await client.listDownloads({ query: {} });
    answersMs.push(performance.now() - startedAtMs);
    state = items.find((one) => one.id === id)?.state ?? 'failed';
    if (state === 'failed') throw new Error('the torrent failed');
    await sleep(10);
  }
  const sorted = answersMs.toSorted((a, b) => a - b);
  const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  say(`${sorted.length} answers, 99 of 100 within ${p99Ms.toFixed(1)} ms`);
  return promise('answers', `${mostAnswerMs} ms for 99 of 100`, 'time', p99Ms / mostAnswerMs, 1);
}

function promise(name: string, peer: string, measure: string, ratio: number, bar: number): PlainRow {
  return { case: name, subject: 'flotilla', peer, measure, perSecond: 0, ratio: Number(ratio.toPrecision(4)), bar };
}

function plain(name: string, row: PlainRow): CaseResult {
  return { name, title: row.peer, figures: new Map(), rows: [row], table: `${row.peer}: ${row.ratio} of it\n` };
}

/** High-water mark of the engine that runs now. */
function engineMiB(): number {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('wire/torrent/inside/main.ts')) continue;
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
    } catch {
      // It ended meanwhile.
    }
  }
  return 0;
}
