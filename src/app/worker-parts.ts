/** What every worker is made of, whether it lives in a thread of a server or in a process of its own. */
import { join } from 'node:path';
import { type TaskKind, taskKinds, type WorkerHello } from '#core/protocol.ts';
import type { SourceContext } from '#core/source.ts';
import { version } from '#core/version.ts';
import { destinationOf } from '#destinations/index.ts';
import { detect, isReadyHere } from '#sources/detect.ts';
import { sourceOf, sourceOfKind, sources } from '#sources/index.ts';
import { Room } from '#transfer/room.ts';
import { SharedLimits } from '#transfer/shared-limits.ts';
import { allocate } from '#wire/allocate.ts';
import { DigestThread } from '#wire/digests.ts';
import { createListings } from '#wire/listings.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { createVitals } from '#wire/vitals.ts';
import type { WorkerParts } from '#worker/parts.ts';
import { Scratch } from '#worker/scratch.ts';
import { createSourceContext, type SourceWishes } from './source-context.ts';
import { schemesTold } from './source-kinds.ts';

export type WorkerSettings = SourceWishes & {
  /** Holds what the worker knows of itself. */
  dataFolder: string;
  scratchFolder: string;
  /** null: as `Room` chooses. */
  keepFreeBytes: number | null;
  preallocate: boolean;
};

/** `close` lets go of what the parts hold. */
export function createWorkerParts({ dataFolder, scratchFolder, keepFreeBytes, preallocate, ...wishes }: WorkerSettings): {
  parts: WorkerParts;
  close(): Promise<void>;
} {
  const { context, close } = createSourceContext(wishes);
  const digester = new DigestThread();
  const parts = {
    clock,
    random,
    files,
    digester,
    room: new Room(files, clock, keepFreeBytes),
    ...(preallocate ? { allocate } : {}),
    sources: context,
    sourceOf,
    sourceOfKind,
    detect,
    destinationOf,
    listings: createListings(context.shared),
    limits: new SharedLimits(clock),
    hostMemory: new Map<string, number>(),
    scratch: new Scratch(files, scratchFolder, join(dataFolder, 'scratch-of.json')),
    vitals: createVitals({ files, clock, folder: scratchFolder }),
  };
  return {
    parts,
    close() {
      digester.close();
      return close();
    },
  };
}

/** How it introduces itself. */
export async function helloOf(
  context: SourceContext,
  about: Pick<WorkerHello, 'workerId' | 'name' | 'labels'>,
): Promise<WorkerHello> {
  const areReady = await Promise.all(sources.map((source) => isReadyHere(context, source)));
  const ready = sources.filter((_, index) => areReady[index]);
  return { ...about, version, kinds: [...taskKinds], schemes: ready.flatMap(schemesTold) };
}

/** Most tasks of each kind at once, when it fetches so many downloads. */
export function roomFor(fetches: number): Record<TaskKind, number> {
  return { probe: 4, fetch: fetches, deliver: 4, erase: 4 };
}
