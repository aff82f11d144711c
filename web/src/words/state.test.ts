import assert from 'node:assert/strict';
import { test } from 'node:test';
import { i18n } from '@lingui/core';
import { download } from '../live/testing.ts';
import { messages } from '../locales/en.ts';
import { describeState } from './state.ts';

test('what waits says so when there is no worker to do it', () => {
  i18n.loadAndActivate({ locale: 'en', messages });
  const told = (fields: Parameters<typeof download>[1], isAnyWorkerHere?: boolean) =>
    describeState(download('a', fields), { nowMs: 0, isAnyWorkerHere }).text;
  assert.equal(told({ reason: 'slot' }, false), 'Waiting for a worker');
  assert.equal(told({ reason: 'slot' }, true), 'Queued');
  assert.equal(told({ reason: 'slot' }), 'Queued', 'nobody knows yet');
  assert.equal(told({ reason: 'host' }, false), 'Waiting for the server');
  assert.equal(told({ state: 'paused' }, false), 'Paused');
});
