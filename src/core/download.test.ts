import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Change, downloadStates, isFinished, listFilters, nextState, statesOfFilter } from './download.ts';

/** What each change leads to, from queued, active, paused, completed, failed, cancelled. A dash: it is refused. */
const table: Record<Change, string> = {
  probe_started: 'active - - - - -',
  resolved: '- queued - - - -',
  fetch_started: 'active - - - - -',
  fetched: '- active - - - -',
  deliver_started: 'active active - - - -',
  completed: '- completed - - - -',
  put_back: '- queued - - - -',
  retry_scheduled: '- queued - - - -',
  failed: 'failed failed - - - -',
  paused: 'paused paused - - - -',
  resumed: '- - queued - - -',
  retried: '- - - - queued queued',
  cancelled: 'cancelled cancelled cancelled - - -',
};

for (const [change, row] of Object.entries(table)) {
  for (const [index, outcome] of row.split(' ').entries()) {
    const state = downloadStates[index] as (typeof downloadStates)[number];
    test(`${state} ${outcome === '-' ? `does not take ${change}` : `becomes ${outcome} by ${change}`}`, () => {
      assert.equal(nextState(state, change as Change), outcome === '-' ? null : outcome);
    });
  }
}

test('completed is final: no change leads out of it', () => {
  for (const change of Object.keys(table)) assert.equal(nextState('completed', change as Change), null);
});

test('every state can be reached from queued, and from every state but completed one comes back to it', () => {
  const reach = (from: (typeof downloadStates)[number]) => {
    const seen = new Set([from]);
    for (const state of seen) {
      for (const change of Object.keys(table)) {
        const next = nextState(state, change as Change);
        if (next !== null) seen.add(next);
      }
    }
    return seen;
  };
  assert.deepEqual([...reach('queued')].sort(), [...downloadStates].sort());
  for (const state of downloadStates) assert.equal(reach(state).has('queued'), state !== 'completed', state);
});

test('every state is under one of the tabs active, queued and finished', () => {
  for (const state of downloadStates) {
    const tabs = (['active', 'queued', 'finished'] as const).filter((tab) => statesOfFilter[tab].includes(state));
    assert.equal(tabs.length, 1, state);
    assert.equal(isFinished(state), tabs[0] === 'finished');
  }
  assert.deepEqual(statesOfFilter.all, downloadStates);
  assert.deepEqual(Object.keys(statesOfFilter), [...listFilters]);
});
