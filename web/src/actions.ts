/**
 * What a person does to downloads. The row changes at once; when the server refuses, it changes back and a message says why.
 * Each takes one id or many, and does to each what makes sense in its state.
 */
import { ApiProblem, api } from './api.ts';
import type { Live, Reach } from './live/live.ts';
import type { Target } from './live/selection.ts';
import type { Toasts } from './toasts.ts';
import type { Download } from './types.ts';
import { type MessageId, t } from './words/words.ts';

export type Actions = ReturnType<typeof createActions>;

/** Requests of one bulk action that run at the same time. */
const parallel = 6;
/** Ids the server takes in one request. */
const mostAtOnce = 5000;

export const canPause = ({ state }: Download) => state === 'queued' || state === 'active';
export const canResume = ({ state }: Download) => state === 'paused';
/** One that waits for its next try is tried now. */
export const canRetry = ({ state, reason }: Download) =>
  state === 'failed' || state === 'cancelled' || (state === 'queued' && (reason === 'retry' || reason === 'space'));
export const canCancel = ({ state }: Download) => state === 'queued' || state === 'active' || state === 'paused';

export function createActions(live: Live, toasts: Toasts) {
  const { store } = live;

  type Step = {
    action: 'pause' | 'resume' | 'retry' | 'cancel';
    can(row: Download): boolean;
    expected: Partial<Download>;
    run(id: string): Promise<Download>;
    done: MessageId;
  };

  async function change(target: Target, step: Step) {
    if ('matching' in target) return actOnMatching(step.action, target.matching, step.done);
    const before = rowsOf(target).filter(step.can);
    if (before.length === 0) return;
    store.putMany(before.map((row) => ({ ...row, ...step.expected })));
    const problems: string[] = [];
    await eachOf(before, async (row) => {
      try {
        store.putMany([await step.run(row.id)]);
      } catch (error) {
        problems.push(sentenceOf(error));
        store.putMany([row]);
      }
    });
    report(step.done, before.length, problems);
  }

  /** The server finds them: of a long list only a part is here. */
  async function actOnMatching(action: Step['action'] | 'remove', { filter, q }: Reach, done: MessageId, files = false) {
    const query = { ...(filter !== 'all' && { state: filter }), ...(q !== '' && { q }) };
    try {
      const { doneCount, problemCount, problems } = await api.act({ action, query, files: files ? 'true' : 'false' });
      const why = problems[0]?.problem ?? '';
      const text = t(done, { count: doneCount });
      if (problemCount === 0) toasts.add({ text, tone: 'plain' });
      else toasts.add({ text: t('bulk.someFailed', { done: text, failed: problemCount, why }), tone: 'bad' });
    } catch (error) {
      toasts.add({ text: sentenceOf(error), tone: 'bad' });
    }
    await live.reload();
  }

  function report(done: MessageId, asked: number, problems: string[]) {
    const first = problems[0];
    if (first !== undefined && asked === 1) toasts.add({ text: first, tone: 'bad' });
    else if (first !== undefined) {
      const text = t('bulk.someFailed', {
        done: t(done, { count: asked - problems.length }),
        failed: problems.length,
        why: first,
      });
      toasts.add({ text, tone: 'bad' });
    } else if (asked > 1) toasts.add({ text: t(done, { count: asked }), tone: 'plain' });
    else toasts.say(t(done, { count: 1 }));
  }

  function rowsOf(ids: Iterable<string>): Download[] {
    return [...ids].map((id) => store.row(id)).filter((row) => row !== undefined);
  }

  /** Asks the server to remove them; answers which it did not, with its sentence. */
  async function removeAll(ids: string[], files: boolean): Promise<Map<string, string>> {
    const refused = new Map<string, string>();
    const only = ids[0];
    if (only !== undefined && ids.length === 1) {
      await api.remove(only, files).catch((error) => refused.set(only, sentenceOf(error)));
      return refused;
    }
    for (let start = 0; start < ids.length; start += mostAtOnce) {
      const part = ids.slice(start, start + mostAtOnce);
      try {
        const { items } = await api.removeMany({ ids: part, files });
        for (const { id, ok, problem } of items) if (!ok) refused.set(id, problem ?? '');
      } catch (error) {
        for (const id of part) refused.set(id, sentenceOf(error));
      }
    }
    return refused;
  }

  /** Back as it was: removing cancelled what was not finished, so that is taken up again. */
  async function bringBack({ id, state }: Download): Promise<Download> {
    const restored = await api.restore(id);
    if (restored.state !== 'cancelled' || state === 'cancelled') return restored;
    const retried = await api.retry(id);
    return state === 'paused' ? api.pause(id) : retried;
  }

  return {
    pause: (target: Target) =>
      change(target, {
        action: 'pause',
        can: canPause,
        expected: { state: 'paused', phase: null, reason: null },
        run: api.pause,
        done: 'done.paused',
      }),
    resume: (target: Target) =>
      change(target, {
        action: 'resume',
        can: canResume,
        expected: { state: 'queued', reason: null },
        run: api.resume,
        done: 'done.resumed',
      }),
    retry: (target: Target) =>
      change(target, {
        action: 'retry',
        can: canRetry,
        expected: { state: 'queued', reason: null, retryAtMs: null, failure: null, finishedAtMs: null },
        run: api.retry,
        done: 'done.retried',
      }),
    cancel: (target: Target) =>
      change(target, {
        action: 'cancel',
        can: canCancel,
        expected: { state: 'cancelled', phase: null },
        run: api.cancel,
        done: 'done.cancelled',
      }),

    /** Pauses when anything can be paused, else resumes: what one key does to a mixed selection. */
    togglePause(target: Target) {
      const isAny = 'matching' in target || rowsOf(target).some(canPause);
      return isAny ? this.pause(target) : this.resume(target);
    },

    removeMatching: (reach: Reach, { files }: { files: boolean }) => actOnMatching('remove', reach, 'removed.many', files),

    /** Takes them off the list; for ten seconds they can be brought back. With `files` there is no way back. */
    async remove(ids: Iterable<string>, { files }: { files: boolean }) {
      const before = rowsOf(ids);
      const first = before[0];
      if (first === undefined) return;
      const removed = before.map(({ id }) => id);
      store.drop(removed);
      const asked = removeAll(removed, files);
      const text = before.length === 1 ? t('removed.one', { name: first.name }) : t('removed.many', { count: before.length });
      const undo = async () => {
        // The removal must have arrived before it can be taken back.
        await asked;
        const problems: string[] = [];
        await eachOf(before, async (row) => {
          try {
            store.putMany([await bringBack(row)]);
          } catch (error) {
            problems.push(sentenceOf(error));
          }
        });
        report('done.restored', before.length, problems);
      };
      const shown = toasts.add({ text, tone: 'plain', action: files ? undefined : { label: t('action.undo'), run: undo } });
      const refused = await asked;
      const [why] = refused.values();
      if (why === undefined) return;
      store.putMany(before.filter(({ id }) => refused.has(id)));
      if (refused.size === before.length) toasts.dismiss(shown);
      toasts.add({ text: why, tone: 'bad' });
    },

    /** While it runs too. Rejects with what the server says. */
    async limit(id: string, bytesPerSecond: number | null) {
      store.putMany([await api.change(id, { limitBytesPerSecond: bytesPerSecond })]);
    },

    async copyLink(id: string) {
      const row = store.row(id);
      if (row === undefined) return;
      const isCopied = await copyText(row.link);
      toasts.add({ text: t(isCopied ? 'copied.link' : 'copied.not'), tone: isCopied ? 'plain' : 'bad' });
    },
  };
}

/** The server's sentence, or ours when it could not be reached. */
export function sentenceOf(error: unknown): string {
  return error instanceof ApiProblem ? error.message : t('problem.network');
}

/** Browsers give the clipboard only to pages over HTTPS; on a plain LAN address the old command still works. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    // Inside an open dialog, focus outside of it would be taken back at once.
    (document.querySelector('[role="dialog"]') ?? document.body).append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    return isCopied;
  }
}

async function eachOf<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: Math.min(parallel, items.length) }, async () => {
      for (const item of queue) await run(item);
    }),
  );
}
