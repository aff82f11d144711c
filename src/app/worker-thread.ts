/** The thread of the embedded worker: its synchronous writes never hold up the API. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { taskKinds } from '#core/protocol.ts';
import { version } from '#core/version.ts';
import { destinationOf } from '#destinations/index.ts';
import { sourceOf, sources } from '#sources/index.ts';
import { Room } from '#transfer/room.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { allocate } from '#wire/allocate.ts';
import { DigestThread } from '#wire/digests.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { metalink } from '#wire/metalink.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { Scratch } from '#worker/scratch.ts';
import { Worker } from '#worker/worker.ts';
import { openGate } from './outlet.ts';
import { callThrough, type PortMessage } from './port-calls.ts';

export type WorkerThreadData = {
  /** Holds the worker's identity. */
  dataFolder: string;
  scratchFolder: string;
  netAllow: string[];
  /** null: as `Room` chooses. */
  keepFreeBytes: number | null;
  preallocate: boolean;
  /** Tell every decision. */
  isDebug: boolean;
};

if (parentPort === null) throw new Error('this file is the entry of a thread');
const port = parentPort;
const { dataFolder, scratchFolder, netAllow, keepFreeBytes, preallocate, isDebug } = workerData as WorkerThreadData;
const tell = (told: string, text?: string) =>
  port.postMessage({ told, ...(text !== undefined && { text }) } satisfies PortMessage);

const idPath = join(dataFolder, 'worker-id');
const connections = createKeptConnections();
const digester = new DigestThread();
const parts = {
  clock,
  random,
  files,
  digester,
  room: new Room(files, clock, keepFreeBytes),
  ...(preallocate ? { allocate } : {}),
  sources: { clock, egress: openGate(netAllow), connections, connectTimeoutMs: 30_000 },
  sourceOf,
  destinationOf,
  listings: metalink,
  limits: new SharedLimits(clock),
  hostMemory: new Map<string, number>(),
  ...(isDebug ? { debug: (line: string) => tell('debug', line) } : {}),
  scratch: new Scratch(files, scratchFolder),
};
const worker = new Worker(callThrough(port), parts, {
  hello: {
    workerId: (await files.readText(idPath))?.trim() ?? null,
    name: hostname(),
    version,
    kinds: [...taskKinds],
    schemes: sources.flatMap(({ schemes }) => schemes),
  },
  room: { probe: 4, fetch: 64, deliver: 4, erase: 4 },
  onTrouble: (message) => tell('trouble', message),
});

port.on('message', async (message: PortMessage) => {
  if (!('told' in message) || message.told !== 'drain') return;
  await worker.drain();
  connections.close();
  digester.close();
  tell('drained');
  port.close();
});

await files.writeText(idPath, await worker.start());
tell('started');
