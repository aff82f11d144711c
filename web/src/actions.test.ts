import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { i18n } from '@lingui/core';
import { createActions } from './actions.ts';
import { createLive } from './live/live.ts';
import { download } from './live/testing.ts';
import { messages } from './locales/en.ts';
import { createToasts } from './toasts.ts';

/** A page that holds two paused rows of a long list, and what it asked a server that answers so. */
function start(t: TestContext, answer: () => Response) {
  i18n.loadAndActivate({ locale: 'en', messages });
  const asked: unknown[] = [];
  t.mock.method(globalThis, 'fetch', async (_: string, { body }: { body: string }) => {
    asked.push(JSON.parse(body));
    return answer();
  });
  const counts = { all: 9000, active: 0, queued: 9000, finished: 0, failed: 0 };
  const list = async () => ({ items: [], nextCursor: null, counts });
  const live = createLive({ list, get: () => assert.fail() }, () => ({ see() {}, close() {} }));
  live.store.putMany(['a', 'b'].map((id) => download(id, { state: 'paused' })));
  const toasts = createToasts();
  const shown = () => toasts.shown.get().map(({ text }) => text);
  return { actions: createActions(live, toasts), asked, shown };
}

test('all that match are paused, also when none of those that are here can be', async (t) => {
  const { actions, asked, shown } = start(t, () => Response.json({ doneCount: 7, problemCount: 0, problems: [], ids: [] }));
  await actions.pause(['a', 'b']);
  assert.deepEqual(asked, []);
  await actions.pause(['a', 'b'], { state: 'all' });
  assert.deepEqual(asked, [{ action: 'pause', query: { state: 'all' } }]);
  assert.deepEqual(shown(), ['7 paused.']);
});

test('when that is refused the reason is shown', async (t) => {
  const problem = { title: 'Busy', status: 503, code: 'busy', detail: 'The database does not answer.' };
  const { actions, shown } = start(t, () => Response.json(problem, { status: 503 }));
  await actions.pause(['a', 'b'], { state: 'all' });
  assert.deepEqual(shown(), ['The database does not answer.']);
});
