/** The thread of the embedded worker: its synchronous writes never hold up the API. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { type LogDetail, type Logger, type LogLevel, logLevels } from '#core/log.ts';
import { clean } from '#core/log-secrets.ts';
import { systemFiles as files } from '#wire/system.ts';
import { Worker } from '#worker/worker.ts';
import { callThrough, type PortMessage } from './port-calls.ts';
import { createWorkerParts, helloOf, roomFor, type WorkerSettings } from './worker-parts.ts';

export type WorkerThreadData = WorkerSettings & {
  /** The least that is told. */
  logLevel: LogLevel;
};

if (parentPort === null) throw new Error('this file is the entry of a thread');
const port = parentPort;
const { logLevel, ...settings } = workerData as WorkerThreadData;
const tell = (told: string) => port.postMessage({ told } satisfies PortMessage);

const idPath = join(settings.dataFolder, 'worker-id');
const { parts, close } = createWorkerParts(settings);
const worker = new Worker(callThrough(port), parts, {
  hello: await helloOf(parts.sources, { workerId: (await files.readText(idPath))?.trim() ?? null, name: hostname() }),
  room: roomFor(64),
  log: createLog(),
});

port.on('message', async (message: PortMessage) => {
  if (!('told' in message) || message.told !== 'drain') return;
  await worker.drain();
  await close();
  tell('drained');
  port.close();
});

await files.writeText(idPath, await worker.start());
tell('started');

/** The process that we are part of writes it down. */
function createLog(): Logger {
  const writer =
    (level: LogLevel) =>
    (message: string, detail: LogDetail = {}) => {
      if (logLevels.indexOf(level) < logLevels.indexOf(logLevel)) return;
      port.postMessage({ line: level, message, detail: clean(detail) as LogDetail } satisfies PortMessage);
    };
  return Object.fromEntries(logLevels.map((level) => [level, writer(level)])) as Logger;
}
