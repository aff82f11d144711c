/** `flotilla worker`: fetches for a server on another machine. It only makes outgoing calls. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createWorkerPlane } from '#client/worker-plane.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { backoffMs } from '#lib/backoff.ts';
import { lockDatabase } from '#store/sqlite/lock.ts';
import { refusedRangeOf } from '#wire/egress.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { Worker } from '#worker/worker.ts';
import { environment, searchPath } from './config.ts';
import { openProcessLog } from './log.ts';
import { openGate } from './outlet.ts';
import { settingsOfMachine, settingsOfSources } from './source-settings.ts';
import { untilAskedToStop } from './stop-signals.ts';
import { workerConfig } from './worker-config.ts';
import { openIdentity } from './worker-identity.ts';
import { createWorkerParts, helloOf, roomFor } from './worker-parts.ts';

export async function runWorker(flags: Record<string, unknown>): Promise<number> {
  const options = workerConfig(flags, environment);
  const { data, scratch: scratchFolder, netAllow, keepFree: keepFreeBytes, preallocate, name, labels, jobs } = options;
  openGate(netAllow);
  const log = openProcessLog(options);
  await files.makeFolder(data);
  const lock = lockDatabase(join(data, 'worker'));
  const stopped = untilAskedToStop();
  const wanted = new AbortController();
  void stopped.then(() => wanted.abort());
  const identityParts = { files, random, secrets: createSecrets() };
  const identity = await untilAnswered(log, wanted.signal, () => openIdentity(identityParts, data, options));
  if (identity === null) return 0;
  const warning = plainHttpWarning(identity.origin);
  if (warning !== null) log.warn(warning);

  const { parts, close } = createWorkerParts({
    ...{ dataFolder: data, scratchFolder, netAllow, keepFreeBytes, preallocate },
    settings: await settingsOfSources(options.source, environment, settingsOfMachine(data)),
    searchPath: searchPath(environment),
  });
  const worker = new Worker(createWorkerPlane(identity), parts, {
    hello: await helloOf(parts.sources, { workerId: identity.workerId, name, labels }),
    room: roomFor(jobs),
    log,
  });
  try {
    if ((await untilAnswered(log, wanted.signal, () => worker.start())) === null) return 0;
    process.stdout.write(`ready worker ${name}\n`);
    const refusal = await Promise.race([worker.refused, stopped.then(() => null)]);
    if (refusal !== null) throw new FlotillaError('auth_required', `${refusal.message} (its key is in ${data})`);
    log.info('Stopping: running downloads are handed back with their bytes kept.');
    await worker.drain();
    (await stopped).done();
    return 0;
  } finally {
    await close();
    lock.release();
  }
}

/** Asks until somebody answers, with growing waits; null when it was ended first. What no wait heals is thrown. */
async function untilAnswered<T>(log: Logger, signal: AbortSignal, ask: () => Promise<T>): Promise<T | null> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const { retry, message } = toFailure(error);
      if (retry !== 'later' || !(error instanceof FlotillaError)) throw error;
      log.warn(`${message} Asking again.`);
      await pause(backoffMs(attempt, 500, 10_000, random.u32() / 2 ** 32), signal);
    }
  }
  return null;
}

function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** Whoever listens on the way to a server far off reads the key and what downloads are asked with. */
export function plainHttpWarning(origin: string): string | null {
  const { protocol, hostname } = new URL(origin);
  const address = hostname.replace(/^\[|\]$/g, '');
  const isNear = hostname === 'localhost' || (isIP(address) !== 0 && refusedRangeOf(address) !== null);
  if (protocol === 'https:' || isNear) return null;
  return `${origin} is not encrypted: whoever listens on the way can read the worker's key. Use https:// outside your own network.`;
}
