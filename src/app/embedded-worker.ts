/** The worker that lives in the process of the server. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type ControlPlane, taskKinds } from '#core/protocol.ts';
import { version } from '#core/version.ts';
import { destinationOf } from '#destinations/index.ts';
import { sourceOf, sources } from '#sources/index.ts';
import { DigestThread } from '#wire/digests.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { Scratch } from '#worker/scratch.ts';
import { Worker } from '#worker/worker.ts';
import { openGate } from './outlet.ts';

export type EmbeddedWorker = { drain(): Promise<void> };

/** Starts working for the control plane, with scratch and identity in the data folder. */
export async function startEmbeddedWorker(
  control: ControlPlane,
  dataFolder: string,
  netAllow: string[],
  onTrouble: (message: string) => void,
): Promise<EmbeddedWorker> {
  const idPath = join(dataFolder, 'worker-id');
  const connections = createKeptConnections();
  const digester = new DigestThread();
  const parts = {
    clock,
    random,
    files,
    digester,
    sources: { clock, egress: openGate(netAllow), connections, connectTimeoutMs: 30_000 },
    sourceOf,
    destinationOf,
    scratch: new Scratch(files, join(dataFolder, 'scratch')),
  };
  const worker = new Worker(control, parts, {
    hello: {
      workerId: (await files.readText(idPath))?.trim() ?? null,
      name: hostname(),
      version,
      kinds: [...taskKinds],
      schemes: sources.flatMap(({ schemes }) => schemes),
    },
    room: { probe: 4, fetch: 64, deliver: 4, erase: 4 },
    onTrouble,
  });
  await files.writeText(idPath, await worker.start());
  return {
    async drain() {
      await worker.drain();
      connections.close();
      digester.close();
    },
  };
}
