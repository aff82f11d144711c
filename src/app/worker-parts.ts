/** What every worker is made of, whether it lives in a thread of a server or in a process of its own. */
import { type TaskKind, taskKinds, type WorkerHello } from '#core/protocol.ts';
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
import { createVitals } from '#wire/vitals.ts';
import type { WorkerParts } from '#worker/parts.ts';
import { Scratch } from '#worker/scratch.ts';
import { openGate } from './outlet.ts';

export type WorkerSettings = {
  scratchFolder: string;
  netAllow: string[];
  /** null: as `Room` chooses. */
  keepFreeBytes: number | null;
  preallocate: boolean;
};

/** `close` lets go of what the parts hold. */
export function createWorkerParts({ scratchFolder, netAllow, keepFreeBytes, preallocate }: WorkerSettings): {
  parts: WorkerParts;
  close(): void;
} {
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
    scratch: new Scratch(files, scratchFolder),
    vitals: createVitals({ files, clock, folder: scratchFolder }),
  };
  return {
    parts,
    close() {
      connections.close();
      digester.close();
    },
  };
}

/** How it introduces itself. */
export function helloOf(about: Pick<WorkerHello, 'workerId' | 'name' | 'labels'>): WorkerHello {
  return { ...about, version, kinds: [...taskKinds], schemes: sources.flatMap(({ schemes }) => schemes) };
}

/** Most tasks of each kind at once, when it fetches so many downloads. */
export function roomFor(fetches: number): Record<TaskKind, number> {
  return { probe: 4, fetch: fetches, deliver: 4, erase: 4 };
}
