import type { Control } from '#control/control.ts';
import { delivered, fetched, resolution } from '#control/testing/start-control.ts';
import type { Claim, Outcome, TaskKind, TaskProgress } from '#core/protocol.ts';

type FileOfTest = { path: string; name: string; sizeBytes: number; sha256: string };

/** Speaks the worker protocol and moves no bytes. */
export type ApiWorker = {
  /** Probes the download and begins to fetch it; 10 of 100 bytes are there. */
  run(downloadId: string): Promise<Claim>;
  report(claim: Claim, progress: Partial<TaskProgress>): Promise<void>;
  /** Ends what `run` began without the bytes. */
  giveBack(claim: Claim): Promise<void>;
  /** From the link to the receipt. */
  complete(downloadId: string, file: FileOfTest): Promise<void>;
  /** Answers one person who looks at a link; what has `missing` in it is not there. */
  answerLook(signal: AbortSignal): Promise<void>;
};

export function createApiWorker(control: Control): ApiWorker {
  const kinds: TaskKind[] = ['probe', 'fetch', 'deliver', 'erase'];
  const held: Claim[] = [];
  let registered: Promise<string> | null = null;

  function workerId(): Promise<string> {
    const hello = { workerId: null, name: 'box', version: '1', kinds, schemes: ['http:', 'https:'] };
    registered ??= control.register(hello).then((session) => session.workerId);
    return registered;
  }
  async function claim(waitMs: number, signal: AbortSignal): Promise<void> {
    const room = { probe: 1000, fetch: 1000, deliver: 1000, erase: 0 };
    held.push(...(await control.claim({ workerId: await workerId(), room, waitMs }, signal)));
  }
  function takeHeld(fits: (claim: Claim) => boolean): Claim | null {
    const index = held.findIndex(fits);
    return index < 0 ? null : (held.splice(index, 1)[0] ?? null);
  }
  /** Whatever else there is to do is kept for later. */
  async function take(downloadId: string, kind: TaskKind): Promise<Claim> {
    const fits = (one: Claim) => one.downloadId === downloadId && one.kind === kind;
    const known = takeHeld(fits);
    if (known !== null) return known;
    await claim(0, new AbortController().signal);
    const found = takeHeld(fits);
    if (found === null) throw new Error(`there is no ${kind} to do for ${downloadId}`);
    return found;
  }
  async function finish({ taskId, epoch }: Claim, outcome: Outcome): Promise<void> {
    await control.finish({ workerId: await workerId(), taskId, epoch, outcome });
  }
  async function fetchOf(downloadId: string): Promise<Claim> {
    await finish(await take(downloadId, 'probe'), { kind: 'resolved', resolution: resolution() });
    return take(downloadId, 'fetch');
  }

  const worker: ApiWorker = {
    async run(downloadId) {
      const fetching = await fetchOf(downloadId);
      await worker.report(fetching, {});
      return fetching;
    },
    async report({ taskId, epoch }, progress) {
      const connections = [{ mirror: 'files.example', startByte: 0, position: 10, endByte: 100, speedBytesPerSecond: 5 }];
      const figures = {
        doneBytes: 10,
        sizeBytes: 100,
        speedBytesPerSecond: 5,
        connections,
        ranges: [[0, 10]] as [number, number][],
        stretches: [],
      };
      const tasks: TaskProgress[] = [{ taskId, epoch, phase: 'fetch', ...figures, ...progress }];
      await control.report({ workerId: await workerId(), tasks, holding: [] });
    },
    giveBack: (claim) => finish(claim, { kind: 'given_back', doneBytes: 10 }),
    async complete(downloadId, { path, name, sizeBytes, sha256 }) {
      const outcome = fetched({ path: name, sizeBytes, digests: [{ algorithm: 'sha-256', hex: sha256 }] });
      await finish(await fetchOf(downloadId), outcome);
      const delivery = await take(downloadId, 'deliver');
      if (delivery.kind !== 'deliver') throw new Error('no delivery');
      const files = delivery.files.map((file) => ({ ...delivered(file), location: path, provenSha256: sha256 }));
      await finish(delivery, { kind: 'delivered', files });
    },
    async answerLook(signal) {
      let look: Claim | null = null;
      while (look === null && !signal.aborted) {
        await claim(1000, signal);
        look = takeHeld((one) => one.downloadId === null);
      }
      if (look === null || look.kind !== 'probe') return;
      const missing = {
        code: 'not_found',
        message: 'The server has no such file.',
        retry: 'never',
        retryAfterMs: null,
      } as const;
      const isMissing = look.link.includes('missing');
      const outcome: Outcome = isMissing
        ? { kind: 'failed', failure: missing, doneBytes: 0 }
        : { kind: 'resolved', resolution: resolution({ finalUrl: look.link }) };
      await finish(look, outcome);
    },
  };
  return worker;
}
