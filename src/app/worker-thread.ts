/** The thread of the embedded worker: its synchronous writes never hold up the API. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemFiles as files } from '#wire/system.ts';
import { Worker } from '#worker/worker.ts';
import { callThrough, type PortMessage } from './port-calls.ts';
import { createWorkerParts, helloOf, roomFor, type WorkerSettings } from './worker-parts.ts';

export type WorkerThreadData = WorkerSettings & {
  /** Holds the worker's identity. */
  dataFolder: string;
  /** Tell every decision. */
  isDebug: boolean;
};

if (parentPort === null) throw new Error('this file is the entry of a thread');
const port = parentPort;
const { dataFolder, isDebug, ...settings } = workerData as WorkerThreadData;
const tell = (told: string, text?: string) =>
  port.postMessage({ told, ...(text !== undefined && { text }) } satisfies PortMessage);

const idPath = join(dataFolder, 'worker-id');
const { parts, close } = createWorkerParts(settings, isDebug ? (line) => tell('debug', line) : null);
const worker = new Worker(callThrough(port), parts, {
  hello: helloOf({ workerId: (await files.readText(idPath))?.trim() ?? null, name: hostname() }),
  room: roomFor(64),
  onTrouble: (message) => tell('trouble', message),
});

port.on('message', async (message: PortMessage) => {
  if (!('told' in message) || message.told !== 'drain') return;
  await worker.drain();
  close();
  tell('drained');
  port.close();
});

await files.writeText(idPath, await worker.start());
tell('started');
