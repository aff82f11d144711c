/** Who waits in the benchmark's queue, and what they are allowed. */

import type { Control } from '#control/control.ts';
import { createControl } from '#control/create.ts';
import { anyWorker, queueName } from '#control/queue/queues.ts';
import type { Claim, Outcome, TaskKind } from '#core/protocol.ts';
import type { Resolution } from '#core/resolution.ts';
import { noUserLimits, type Store, type StoredDownload, type TaskRow } from '#core/store.ts';
import { createSealer } from '#wire/sealer.ts';
import { systemClock as clock, systemRandom as random } from '#wire/system.ts';

export const kinds: readonly TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];
const schemes = ['https:'];
const never = new AbortController().signal;

/** Every limit that a claim has to honour is on, and all but the last are reached. */
export const limits = { users: 50, maxActive: 40, hosts: 200, hostDownloads: 10, parallelDownloads: 10_000 };

const mostAtOnce = 5000;

/** A control plane as a replica has it. */
export function openControl(store: Store): Promise<Control> {
  const defaultDestination = { kind: 'local', name: 'Downloads', options: { folder: '/downloads' } };
  const sealer = createSealer(new Uint8Array(32));
  return createControl({ store, clock, random, sealer, schemes, defaultDestination });
}

export type Waiting = { ownerId: string; count: number };

/** Users of equal right, with as much each. */
export function evenly(count: number): Waiting[] {
  return Array.from({ length: limits.users }, (_, index) => ({
    ownerId: `user-${index}`,
    count: Math.ceil((count * (index + 1)) / limits.users) - Math.ceil((count * index) / limits.users),
  }));
}

/**
 * Fills an empty store: each user with so many downloads that wait to be fetched. They are copies of one that went the usual
 * way through the control plane.
 */
export async function fill(store: Store, waiting: Waiting[], say: (line: string) => void): Promise<Sample> {
  const control = await openControl(store);
  for (const { ownerId } of waiting) {
    const user = { id: ownerId, name: ownerId, role: 'user' as const, passwordHash: '', createdAtMs: 1 };
    await store.write((tx) => tx.users.insert({ ...user, ...noUserLimits, maxActive: limits.maxActive }));
  }
  await control.changeSettings({
    parallelDownloads: limits.parallelDownloads,
    hostRules: [{ host: '*.example.org', downloads: limits.hostDownloads, bytesPerSecond: null, connections: null }] as never,
  });
  // It tells the tasks that wait of the new rules; there are none yet.
  await control.sweep();
  const sample = await takeSample(store, control, waiting[0]?.ownerId ?? '');
  say('filling the queue');
  let done = 0;
  for (const one of waiting) {
    await addWaiting(store, sample, [one], done);
    done += one.count;
  }
  return sample;
}

/** What every queued download looks like. */
export type Sample = { download: StoredDownload; task: TaskRow };

/** `first`: number of the first one; no number is used twice. */
export async function addWaiting(store: Store, sample: Sample, waiting: Waiting[], first: number): Promise<void> {
  let number = first;
  for (const { ownerId, count } of waiting) {
    for (let left = count; left > 0; left -= mostAtOnce) {
      const rows = Array.from({ length: Math.min(mostAtOnce, left) }, () => copyOf(sample, ownerId, number++));
      await store.write(async (tx) => {
        await tx.downloads.insertMany(rows.map(({ download }) => download));
        await tx.tasks.insertMany(rows.map(({ task }) => task));
      });
    }
  }
}

async function takeSample(store: Store, control: Control, ownerId: string): Promise<Sample> {
  const { id } = await control.submit(ownerId, { link: 'https://host-0.example.org/file.iso', options: {} });
  const worker = await joinWorker(control, 'sample');
  const [probe] = await worker.claim({ probe: 1 });
  if (!probe) throw new Error('there was nothing to look at');
  await worker.finish(probe);
  return store.write(async (tx) => {
    const [download, task] = [await tx.downloads.get(id), await tx.tasks.ofDownload(id)];
    if (!download || !task) throw new Error('the sample is gone');
    await tx.tasks.remove(task.id);
    await tx.downloads.removeMany([id]);
    return { download, task };
  });
}

function copyOf({ download, task }: Sample, ownerId: string, number: number): Sample {
  const id = `01900000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
  // Neighbours in a queue go to different hosts, and so do the first ones of different users.
  const host = `host-${(number * 7919 + Math.floor(number / 997)) % limits.hosts}.example.org`;
  const link = `https://${host}/file-${number}.iso`;
  const queue = queueName('fetch', anyWorker('https:', []), ownerId);
  return {
    download: { ...download, id, ownerId, link, position: number },
    task: { ...task, id: `t${id}`, downloadId: id, ownerId, host, queue, position: number },
  };
}

export type BenchWorker = {
  id: string;
  claim(room: Partial<Record<TaskKind, number>>, waitMs?: number): Promise<Claim[]>;
  finish(claim: Claim): Promise<void>;
};

/** A worker that needs no time for its work. */
export async function joinWorker(control: Control, name: string): Promise<BenchWorker> {
  const hello = { workerId: null, name, version: '1', kinds: [...kinds], schemes };
  const { workerId } = await control.register(hello);
  return {
    id: workerId,
    claim: (room, waitMs = 0) =>
      control.claim({ workerId, room: { probe: 0, fetch: 0, deliver: 0, erase: 0, ...room }, waitMs }, never),
    finish: (claim) => control.finish({ workerId, taskId: claim.taskId, epoch: claim.epoch, outcome: outcomeOf(claim) }),
  };
}

const sha256 = 'a'.repeat(64);
const finalUrl = 'https://mirror.example.org/file.iso';
const resolution: Resolution = {
  kind: 'http',
  name: 'file.iso',
  files: [{ path: 'file.iso', sizeBytes: 1000 }],
  resumable: true,
  finalUrl,
  validator: { etag: '"1"', lastModified: null },
  mediaType: null,
  digests: [],
};

function outcomeOf(claim: Claim): Outcome {
  if (claim.kind === 'probe') return { kind: 'resolved', resolution };
  if (claim.kind === 'erase') return { kind: 'erased' };
  if (claim.kind === 'deliver') {
    const files = claim.files.map((file) => ({ ...file, location: `/downloads/${file.path}`, provenSha256: sha256 }));
    return { kind: 'delivered', files };
  }
  const digests = [{ algorithm: 'sha-256' as const, hex: sha256 }];
  const files = [{ index: 0, path: 'file.iso', sizeBytes: 1000, digests, verifiedAgainst: [] }];
  return {
    kind: 'fetched',
    resolution,
    files,
    facts: { finalUrl, validator: resolution.validator, fetchedBytes: 1000, connections: 1 },
  };
}
