/** How the API of a server feels while it fetches at full speed: its event loop's delay, and how long an answer takes. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '#client/client.ts';
import { startProcess } from '#testing/process.ts';
import { sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import type { Scope } from '#testing/temp.ts';
import type { CaseResult, TransferOptions } from './case.ts';

const token = 'the token of the benchmark';
const askEveryMs = 20;

export type ServeFigures = { p50Ms: number; p99Ms: number; maxMs: number; answerP99Ms: number; seconds: number };

/** One server, one download of `sizeBytes`, while somebody asks for the list fifty times a second. */
export async function benchServe(t: Scope, options: TransferOptions): Promise<CaseResult[]> {
  const { folder, outFolder, sizeBytes } = options;
  const served = join(folder, 'served');
  mkdirSync(served, { recursive: true });
  sampleFile(served, 'file.bin', sizeBytes, 1);
  const nginx = await serveNginx(t, { folder: served });
  const rounds: ServeFigures[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const figures = await measureServe(t, options, `${nginx.origin}/file.bin`, join(outFolder, String(round)));
    options.say(`serve round ${round + 1}: ${JSON.stringify(figures)}`);
    rounds.push(figures);
  }
  const median = (pick: (figures: ServeFigures) => number) =>
    rounds.map(pick).toSorted((a, b) => a - b)[rounds.length >> 1] ?? 0;
  const lines = [
    ['delay of the event loop, half are below', median(({ p50Ms }) => p50Ms), ''],
    ['delay of the event loop, 99 of 100 are below', median(({ p99Ms }) => p99Ms), '20.00'],
    ['longest delay', median(({ maxMs }) => maxMs), ''],
    ['answer of the list, 99 of 100 are below', median(({ answerP99Ms }) => answerP99Ms), ''],
  ] as const;
  const title = `What the API's thread feels while ${Math.round(sizeBytes / 2 ** 20)} MiB are fetched, checked and delivered`;
  const table = [
    '| | ms | bar |',
    '|---|---:|---:|',
    ...lines.map(([what, ms, bar]) => `| ${what} | ${ms.toFixed(2)} | ${bar} |`),
  ];
  return [{ name: 'serve', title, figures: new Map(), rows: [], table: table.join('\n') }];
}

async function measureServe(t: Scope, { flotilla }: TransferOptions, url: string, data: string): Promise<ServeFigures> {
  const file = `${data}-delay.json`;
  const [command = '', ...args] = flotilla;
  const server = await startProcess(t, command, [...args, 'serve', '--data', data, '--port', '0'], {
    env: {
      FLOTILLA_NET_ALLOW: '127.0.0.0/8',
      FLOTILLA_BOOTSTRAP_TOKEN: token,
      FLOTILLA_LOOP_DELAY_FILE: file,
      NODE_OPTIONS: `--import ${new URL('./loop-delay.ts', import.meta.url).href}`,
    },
    ready: /^ready http:\/\/\S+$/m,
    readySeconds: 90,
    stopSeconds: 25,
  });
  const client = createClient({ baseUrl: /^ready (\S+)$/m.exec(server.stdout)?.[1] ?? '', token });
  // The first answers compile the program's code.
  for (let n = 0; n < 20; n++) await client.listDownloads({ query: {} });
  process.kill(server.pid, 'SIGUSR2');
  const beganMs = performance.now();
  const { id } = await client.addDownload({ body: { url } });
  const answers: number[] = [];
  for (let state = ''; state !== 'completed'; await sleep(askEveryMs)) {
    const askedMs = performance.now();
    await client.listDownloads({ query: {} });
    answers.push(performance.now() - askedMs);
    ({ state } = await client.getDownload({ params: { id } }));
    if (state === 'failed') throw new Error('the download failed');
  }
  const seconds = (performance.now() - beganMs) / 1000;
  await server.kill('SIGTERM');
  const answerP99Ms = answers.toSorted((a, b) => a - b)[Math.floor(answers.length * 0.99)] ?? 0;
  return { ...JSON.parse(readFileSync(file, 'utf8')), answerP99Ms, seconds };
}
