/**
 * What a person does to downloads. The row changes at once; when the server refuses, it changes back and a message says why.
 * Each takes one id or many, and does to each what makes sense in its state.
 */
import { ApiProblem, api } from './api.ts';
import type { Live } from './live/live.ts';
import type { Match } from './live/selection.ts';
import type { Toasts } from './toasts.ts';
import type { BulkAction, Download, RetryDownload } from './types.ts';
import { type MessageId, t } from './words/words.ts';

export type Actions = ReturnType<typeof createActions>;

/** Ids the server takes in one request. */
const mostAtOnce = 10_000;

type Deed = Pick<BulkAction, 'action' | 'files'>;

export const canPause = ({ state }: Download) => state === 'queued' || state === 'active';
export const canResume = ({ state }: Download) => state === 'paused';
/** One that waits for its next try is tried now. */
export const canRetry = ({ state, reason }: Download) =>
  state === 'failed' || state === 'cancelled' || (state === 'queued' && (reason === 'retry' || reason === 'space'));
/** With another stage or other wishes one that runs begins anew too. */
export const canRetryChanged = ({ state, removedAtMs }: Download) =>
  removedAtMs === null && (state === 'failed' || state === 'cancelled' || state === 'queued' || state === 'active');
/** Those that wait have a place in the queue. */
export const canBePlaced = ({ state }: Download) => state === 'queued' || state === 'paused';
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

  async function change(ids: Iterable<string>, step: Step, match: Match | null = null) {
    const before = rowsOf(ids).filter(step.can);
    const [only] = before;
    // Of all that match there may be others than are here.
    if (only === undefined && match === null) return;
    store.putMany(before.map((row) => ({ ...row, ...step.expected })));
    if (only !== undefined && before.length === 1 && match === null) {
      try {
        store.putMany([await step.run(only.id)]);
        report(step.done, 1, []);
      } catch (error) {
        store.putMany([only]);
        report(step.done, 1, [sentenceOf(error)]);
      }
      return;
    }
    const { doneCount, refused } = await actOnAll(
      { action: step.action },
      before.map(({ id }) => id),
      match,
    );
    store.putMany(before.filter(({ id }) => refused.has(id)));
    report(step.done, doneCount + refused.size, [...refused.values()]);
  }

  /** Asks the server to do it to all of them, by what they match or one by one; tells which it did not, with its sentence. */
  async function actOnAll(deed: Deed, ids: string[], match: Match | null) {
    const refused = new Map<string, string>();
    let doneCount = 0;
    const parts: BulkAction[] =
      match === null ? partsOf(ids).map((part) => ({ ...deed, ids: part })) : [{ ...deed, query: match }];
    for (const part of parts) {
      try {
        const answer = await api.act(part);
        doneCount += answer.doneCount;
        for (const { id, problem } of answer.problems) refused.set(id, problem);
        if (answer.problemCount <= answer.problems.length) continue;
        // Only the first ones are told apart; the others have the same fate.
        const done = new Set(answer.ids);
        const [why = ''] = refused.values();
        for (const id of part.ids ?? []) if (!done.has(id) && !refused.has(id)) refused.set(id, why);
      } catch (error) {
        for (const id of part.ids ?? ids) refused.set(id, sentenceOf(error));
        if (refused.size === 0) refused.set('none of those that are here', sentenceOf(error));
      }
    }
    return { doneCount, refused };
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
    } else if (asked !== 1) toasts.add({ text: t(done, { count: asked }), tone: 'plain' });
    else toasts.say(t(done, { count: 1 }));
  }

  function rowsOf(ids: Iterable<string>): Download[] {
    return [...ids].map((id) => store.row(id)).filter((row) => row !== undefined);
  }

  /** Back as they were: removing cancelled what was not finished, so that is taken up again. */
  async function bringBack(rows: Download[]): Promise<Map<string, string>> {
    const { refused } = await actOnAll({ action: 'restore' }, idsOf(rows), null);
    const again = rows.filter((row) => canCancel(row) && !refused.has(row.id));
    if (again.length > 0) await actOnAll({ action: 'retry' }, idsOf(again), null);
    const paused = again.filter(({ state }) => state === 'paused');
    if (paused.length > 0) await actOnAll({ action: 'pause' }, idsOf(paused), null);
    return refused;
  }

  const steps = {
    pause: {
      action: 'pause',
      can: canPause,
      expected: { state: 'paused', phase: null, reason: null },
      run: api.pause,
      done: 'done.paused',
    },
    resume: {
      action: 'resume',
      can: canResume,
      expected: { state: 'queued', reason: null },
      run: api.resume,
      done: 'done.resumed',
    },
    retry: {
      action: 'retry',
      can: canRetry,
      expected: { state: 'queued', reason: null, retryAtMs: null, failure: null, finishedAtMs: null },
      run: (id) => api.retry(id),
      done: 'done.retried',
    },
    cancel: {
      action: 'cancel',
      can: canCancel,
      expected: { state: 'cancelled', phase: null },
      run: api.cancel,
      done: 'done.cancelled',
    },
  } as const satisfies Record<string, Step>;

  return {
    pause: (ids: Iterable<string>, match: Match | null = null) => change(ids, steps.pause, match),
    resume: (ids: Iterable<string>, match: Match | null = null) => change(ids, steps.resume, match),
    retry: (ids: Iterable<string>, match: Match | null = null) => change(ids, steps.retry, match),
    cancel: (ids: Iterable<string>, match: Match | null = null) => change(ids, steps.cancel, match),

    /** Pauses when anything can be paused, else resumes: what one key does to a mixed selection. */
    togglePause(ids: Iterable<string>, match: Match | null = null) {
      const list = [...ids];
      return rowsOf(list).some(canPause) ? this.pause(list, match) : this.resume(list, match);
    },

    /** From a stage, or asked for differently; one that runs too. Rejects with what the server says. */
    async retryWith(id: string, body: RetryDownload) {
      const row = await api.retry(id, body);
      store.putMany([row]);
      toasts.say(t('done.retried', { count: 1 }));
    },

    /** Takes them off the list, with `files` into the trash; for ten seconds they can be brought back. */
    async remove(ids: Iterable<string>, { files }: { files: boolean }, match: Match | null = null) {
      const before = rowsOf(ids);
      const first = before[0];
      if (first === undefined) return;
      store.drop(idsOf(before));
      const asked = actOnAll({ action: 'remove', files: files ? 'true' : 'false' }, idsOf(before), match);
      const [one, many] = files ? (['trashed.one', 'trashed.many'] as const) : (['removed.one', 'removed.many'] as const);
      const text = before.length === 1 ? t(one, { name: first.name }) : t(many, { count: before.length });
      const undo = async () => {
        // The removal must have arrived before it can be taken back.
        await asked;
        const refused = await bringBack(before);
        const rows = before.filter(({ id }) => !refused.has(id));
        store.putMany(await Promise.all(rows.slice(0, 1).map(({ id }) => api.get(id))));
        if (rows.length > 1) await live.reload();
        report('done.restored', before.length, [...refused.values()]);
      };
      const shown = toasts.add({ text, tone: 'plain', action: { label: t('action.undo'), run: undo } });
      const { refused } = await asked;
      const [why] = refused.values();
      if (why === undefined) return;
      store.putMany(before.filter(({ id }) => refused.has(id)));
      if (refused.size === before.length) toasts.dismiss(shown);
      toasts.add({ text: why, tone: 'bad' });
    },

    /** More than are here to be brought back, so there is no undo. */
    async removeMatching(match: Match, { files }: { files: boolean }) {
      try {
        const removal: BulkAction = { action: 'remove', files: files ? 'true' : 'false', query: match };
        const { doneCount, problemCount, problems } = await api.act(removal);
        const text = t(files ? 'trashed.many' : 'removed.many', { count: doneCount });
        const why = problems[0]?.problem ?? '';
        if (problemCount === 0) toasts.add({ text, tone: 'plain' });
        else toasts.add({ text: t('bulk.someFailed', { done: text, failed: problemCount, why }), tone: 'bad' });
      } catch (error) {
        toasts.add({ text: sentenceOf(error), tone: 'bad' });
      }
      await live.reload();
    },

    /** Among its owner's downloads of the same priority. */
    async place(ids: Iterable<string>, place: 'first' | 'last') {
      // The last that is put first is the very first.
      const inOrder = place === 'first' ? [...ids].reverse() : [...ids];
      let refusal: string | null = null;
      for (const id of inOrder) {
        try {
          store.putMany([await api.change(id, { place })]);
        } catch (error) {
          refusal = sentenceOf(error);
        }
      }
      report(place === 'first' ? 'done.first' : 'done.last', inOrder.length, refusal === null ? [] : [refusal]);
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

function idsOf(rows: Download[]): string[] {
  return rows.map(({ id }) => id);
}

function partsOf(ids: string[]): string[][] {
  const parts: string[][] = [];
  for (let start = 0; start < ids.length; start += mostAtOnce) parts.push(ids.slice(start, start + mostAtOnce));
  return parts;
}
