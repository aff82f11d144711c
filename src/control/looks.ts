/** Looks at links that are no downloads: somebody waits for the answer, and nothing is kept of them. */
import type { DownloadOptions } from '#core/download.ts';
import { type Failure, FlotillaError } from '#core/errors.ts';
import type { Outcome } from '#core/protocol.ts';
import type { Resolution } from '#core/resolution.ts';
import type { TaskRow, Transaction } from '#core/store.ts';
import type { Asked } from './control.ts';
import type { Parts } from './parts.ts';
import { whoFor } from './queue/able.ts';
import { queueName } from './queue/queues.ts';
import { addTask, callBackTask, dropTask, freeTask } from './queue/tasks.ts';

const limitMs = 30_000;
/** Looks that wait at this replica at the same time; whoever comes then is asked to come back. */
const maxWaiting = 200;

type Look = { link: string; document?: string; options: DownloadOptions };

/** Somebody who waits. */
type Waiter = { answer(outcome: Outcome): void; fail(error: unknown): void };

export type Looks = {
  /** Throws what the worker met, `timed_out`, `busy`, or the signal's reason. */
  ask(link: URL, asked: Omit<Asked, 'link'>, signal: AbortSignal): Promise<Resolution>;
  /** A look may have been answered: at another replica, or here. */
  hear(lookId: string): Promise<void>;
  /** Those that this replica waits for. */
  waiting(): string[];
  close(): void;
};

/** The task and what it is about are in the database like any other, so that the worker of any replica may take it. */
export function createLooks(parts: () => Parts): Looks {
  const waiters = new Map<string, Waiter>();

  async function putDown(lookId: string): Promise<void> {
    const { store } = parts();
    await store.write(async (tx) => {
      await tx.attachments.remove(lookId);
      // A worker may still be at it: it hears with its next report that nobody waits.
      await callBackTask(parts(), tx, lookId, 'drop');
    });
  }

  return {
    async ask(link, { document, options = {} }, signal) {
      const { clock, newId, store, sealer, log } = parts();
      signal.throwIfAborted();
      if (waiters.size >= maxWaiting)
        throw new FlotillaError('busy', 'Too many links are being looked at. Try again in a moment.');
      const lookId = newId();
      const answered = new Promise<Outcome>((resolve, reject) => waiters.set(lookId, { answer: resolve, fail: reject }));
      answered.catch(() => {});
      const seconds = limitMs / 1000;
      const tooLate = `No worker told within ${seconds} s what is behind this link. Is a worker running, and does the server answer?`;
      const timer = clock.setTimer(limitMs, () => waiters.get(lookId)?.fail(new FlotillaError('timed_out', tooLate)));
      const onAbort = () => waiters.get(lookId)?.fail(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      let isAnswered = false;
      try {
        const body = sealer.seal(JSON.stringify({ link: link.href, document, options } satisfies Look), about(lookId));
        await store.write(async (tx) => {
          await tx.attachments.putMany([{ downloadId: lookId, kind: 'look', body }]);
          const who = await whoFor(parts(), tx, { link: link.href, kind: options.as, labels: [] });
          await addTask(parts(), tx, lookTask(parts(), lookId, link, who));
        });
        const outcome = await answered;
        isAnswered = true;
        return resolutionOf(outcome);
      } finally {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        waiters.delete(lookId);
        // Whoever waited need not wait for this, and if it fails the regular round does it.
        if (!isAnswered)
          putDown(lookId).catch((error) => log.warn('A look at a link was not put down.', { downloadId: lookId, error }));
      }
    },
    async hear(lookId) {
      const waiter = waiters.get(lookId);
      if (waiter === undefined) return;
      const body = await parts().store.read((tx) => tx.attachments.get(lookId, 'answer'));
      const outcome = body === null ? null : parts().sealer.open(body, about(lookId));
      if (outcome === null) return;
      waiter.answer(JSON.parse(outcome));
      await parts().store.write((tx) => tx.attachments.remove(lookId));
    },
    waiting: () => [...waiters.keys()],
    close() {
      for (const waiter of [...waiters.values()]) waiter.fail(new FlotillaError('busy', 'Flotilla is shutting down.'));
    },
  };
}

/** null: nobody waits for it any more. */
export async function recallLook(parts: Parts, tx: Transaction, lookId: string): Promise<Look | null> {
  const sealed = await tx.attachments.get(lookId, 'look');
  const text = sealed === null ? null : parts.sealer.open(sealed, about(lookId));
  return text === null ? null : JSON.parse(text);
}

/** A worker is done with a look. */
export async function settleLook(parts: Parts, tx: Transaction, task: TaskRow, outcome: Outcome): Promise<void> {
  const { downloadId: lookId } = task;
  const isWanted = (await tx.attachments.get(lookId, 'look')) !== null;
  if (isWanted && outcome.kind === 'given_back') return freeTask(parts, tx, task, null);
  if (isWanted && (await isLeftToOthers(parts, tx, task, outcome))) return;
  await dropTask(parts, tx, task);
  if (!isWanted) return;
  await tx.attachments.remove(lookId, 'look');
  const body = parts.sealer.seal(JSON.stringify(outcome), about(lookId));
  await tx.attachments.putMany([{ downloadId: lookId, kind: 'answer', body }]);
  tx.afterCommit(() => {
    parts.bus.publish({ kind: 'answer', lookId });
    parts.looks
      .hear(lookId)
      .catch((error) => parts.log.warn('The answer to a look was not read.', { downloadId: lookId, error }));
  });
}

/** A worker that has what that kind takes, when there is one, looks again. */
async function isLeftToOthers(parts: Parts, tx: Transaction, task: TaskRow, outcome: Outcome): Promise<boolean> {
  if (outcome.kind !== 'resolved' || outcome.mightBe === undefined) return false;
  if (!parts.kindsWithoutScheme.includes(outcome.mightBe)) return false;
  const look = await recallLook(parts, tx, task.downloadId);
  if (look === null) return false;
  const queue = queueName('probe', await whoFor(parts, tx, { link: look.link, kind: outcome.mightBe, labels: [] }), '');
  if (queue === task.queue) return false;
  await freeTask(parts, tx, task, null);
  await tx.tasks.update(task.id, { queue });
  return true;
}

/** What was asked at a replica that has ended since. */
export async function forgetOldLooks(parts: Parts, tx: Transaction): Promise<void> {
  const beforeMs = parts.clock.now() - 4 * limitMs;
  for (const kind of ['look', 'answer'] as const) {
    for (const { downloadId } of await tx.attachments.listOf(kind)) {
      if (timeOf(downloadId) >= beforeMs) continue;
      await tx.attachments.remove(downloadId);
      await callBackTask(parts, tx, downloadId, 'drop');
    }
  }
}

function lookTask(parts: Parts, lookId: string, link: URL, who: string): TaskRow {
  return {
    id: parts.newId(),
    downloadId: lookId,
    ownerId: '',
    kind: 'probe',
    status: 'ready',
    queue: queueName('probe', who, ''),
    priority: 0,
    position: 0,
    scheme: link.protocol,
    host: link.hostname,
    pinnedWorkerId: null,
    runnableAtMs: null,
    neededBytes: null,
    roomFromMs: null,
    epoch: 0,
    workerId: null,
    leasedAtMs: null,
    order: null,
    erase: null,
    createdAtMs: parts.clock.now(),
  };
}

function resolutionOf(outcome: Outcome): Resolution {
  if (outcome.kind === 'resolved') return outcome.resolution;
  if (outcome.kind === 'failed') throw toError(outcome.failure);
  throw new FlotillaError('protocol_error', 'The worker ended the look in a way that makes no sense.');
}

function toError({ code, message, retry, retryAfterMs }: Failure): FlotillaError {
  return new FlotillaError(code, message, { retry, retryAfterMs });
}

function about(lookId: string): string {
  return `look ${lookId}`;
}

/** Ids begin with the time they were made (RFC 9562 section 5.7). */
function timeOf(id: string): number {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16);
}
