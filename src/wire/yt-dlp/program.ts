/** Runs yt-dlp once: what it is told lies in a folder of its own, where it connects to goes through a proxy of ours. */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { getCACertificates } from 'node:tls';
import type { Clock } from '#core/clock.ts';
import { parseCookieFile } from '#core/cookie-file.ts';
import { FlotillaError } from '#core/errors.ts';
import type { RequestOptions } from '#core/request.ts';
import { startChild } from '../child.ts';
import type { ChildProxy } from '../child-proxy.ts';
import { failureOf } from './failures.ts';
import { argumentsOf, type Option, writeOptions } from './options.ts';

export type Run = {
  clock: Clock;
  command: string;
  searchPath: string;
  /** For what it is told: made private, emptied before, and gone afterwards. Its home. */
  folder: string;
  link: URL;
  request: RequestOptions;
  proxy: ChildProxy;
  options: readonly Option[];
  /** Longer lines end it with `too_large`. */
  longestLineBytes: number;
  /** Each whole line of its output, without the end of the line. What it throws ends the program. */
  onLine: (line: string) => void;
  /** Each line that it says beside its output. */
  onTalk: (line: string) => void;
};

/** After SIGINT it puts away what it has; then it is killed. */
const politeMs = 2000;
const longestTalkBytes = 64 * 1024;
const mostErrors = 20;

/**
 * Resolves when it ended well. Rejects with the reason of the signal, with what `onLine` threw, or with what it complained of.
 * Nothing of it runs any more in either case.
 */
export async function runYtDlp(run: Run, signal: AbortSignal): Promise<void> {
  const { clock, command, searchPath, folder, proxy } = run;
  signal.throwIfAborted();
  await endLeftovers(folder);
  await rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const env = await writeWishes(run);
    const args = argumentsOf(join(folder, 'options'));
    const child = await startChild({ command, args, folder, searchPath, env });
    let stopReason: { error: unknown } | null = null;
    const stop = (error: unknown) => {
      if (stopReason !== null) return;
      stopReason = { error };
      child.kill('SIGINT');
      const timer = clock.setTimer(politeMs, () => child.kill('SIGKILL'));
      void child.done.then(() => timer.cancel());
    };
    const onAbort = () => stop(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const errors: string[] = [];
    try {
      const output = readLines(child.stdout, run.longestLineBytes, run.onLine).catch(stop);
      const talk = readLines(child.stderr, longestTalkBytes, (line) => {
        // The second is what it says of options that it does not know.
        if (/^(?:ERROR:|\S+: error:)/.test(line) && errors.length < mostErrors) errors.push(line);
        run.onTalk(line);
      }).catch(stop);
      const { code } = await child.done;
      // Its children end with it: one of them may still hold the pipes.
      child.kill('SIGKILL');
      await Promise.all([output, talk]);
      if (stopReason !== null) throw (stopReason as { error: unknown }).error;
      if (code !== 0) throw failureOf(errors, proxy.failure);
    } finally {
      signal.removeEventListener('abort', onAbort);
      child.kill('SIGKILL');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The files that it reads, for its eyes only; returns what its environment says beside. */
async function writeWishes({ clock, folder, link, request, proxy, options }: Run): Promise<Record<string, string>> {
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const asked: Option[] = [
    ['batch-file', await write('links', `${link.href}\n`)],
    ['proxy', proxy.url],
    ['no-cache-dir'],
    ['no-playlist'],
    ['socket-timeout', '30'],
  ];
  if (request.cookies !== undefined)
    asked.push(['cookies', await write('cookies', asCookieFile(request.cookies, clock.now()))]);
  if (request.userAgent !== undefined) asked.push(['user-agent', request.userAgent]);
  if (request.referer !== undefined) asked.push(['referer', request.referer]);
  // Else it may bring authorities of its own, and hear of no others.
  if (request.ca !== undefined) asked.push(['compat-options', 'no-certifi']);
  await write('options', writeOptions([...asked, ...options]));
  if (request.ca === undefined) return {};
  const authorities = [...getCACertificates('default'), request.ca].join('\n');
  return { SSL_CERT_FILE: await write('authorities.pem', authorities) };
}

/** Written anew: Python is stricter than people and browsers are, and wants this first line. */
function asCookieFile(text: string, nowMs: number): string {
  const flag = (is: boolean) => (is ? 'TRUE' : 'FALSE');
  const lines = parseCookieFile(text, nowMs).map(({ name, value, domain, hostOnly, path, secure, expiresAtMs }) => {
    const expires = expiresAtMs === null ? 0 : Math.floor(expiresAtMs / 1000);
    return [hostOnly ? domain : `.${domain}`, flag(!hostOnly), path, flag(secure), expires, name, value].join('\t');
  });
  return ['# Netscape HTTP Cookie File', ...lines, ''].join('\n');
}

/** `take` gets each line. Rejects with what it throws, and with `too_large` when a line is longer than that. */
async function readLines(stream: Readable, longestBytes: number, take: (line: string) => void): Promise<void> {
  let parts: Buffer[] = [];
  let waitingBytes = 0;
  const finish = () => {
    if (waitingBytes > 0) take(Buffer.concat(parts).toString('utf8').replace(/\r$/, ''));
    parts = [];
    waitingBytes = 0;
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let startByte = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, startByte)) {
      keep(chunk.subarray(startByte, at));
      finish();
      startByte = at + 1;
    }
    keep(chunk.subarray(startByte));
  }
  finish();

  function keep(part: Buffer): void {
    if (part.length === 0) return;
    waitingBytes += part.length;
    if (waitingBytes > longestBytes) {
      throw new FlotillaError(
        'too_large',
        'The page says more about itself than Flotilla reads. Choose a link to one part of it.',
      );
    }
    parts.push(part);
  }
}

/** Ends what an earlier life of ours left running for this folder, whose home it is. Only where there is a /proc. */
async function endLeftovers(folder: string): Promise<void> {
  const numbers = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const home = `HOME=${folder}`;
  for (const number of numbers) {
    const environment = await readFile(`/proc/${number}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(home)) continue;
    try {
      process.kill(Number(number), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
