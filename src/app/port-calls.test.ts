import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { FlotillaError } from '#core/errors.ts';
import type { ClaimRequest, ControlPlane, FinishRequest } from '#core/protocol.ts';
import { answerCalls, callThrough } from './port-calls.ts';

const claimRequest: ClaimRequest = { workerId: 'w', room: { probe: 1, fetch: 1, deliver: 1, erase: 1 }, waitMs: 60_000 };

test('calls, answers, failures and cancelling pass through the port', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  let cancelled: unknown = null;
  const finished: FinishRequest[] = [];
  const control: Pick<ControlPlane, 'register' | 'claim' | 'finish'> = {
    register: async ({ name }) => ({ workerId: `id of ${name}`, leaseSeconds: 30, reportEverySeconds: 1, instance: 'i' }),
    claim: (_request, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          cancelled = signal.reason;
          resolve([]);
        });
      }),
    finish: async (request) => {
      finished.push(request);
      throw new FlotillaError('task_lost', 'Somebody else has it.', { retryAfterMs: 7 });
    },
  };
  answerCalls(port1, control as ControlPlane);
  const far = callThrough(port2);

  const session = await far.register({ workerId: null, name: 'attic', version: '1', kinds: [], schemes: [] });
  assert.equal(session.workerId, 'id of attic');

  const stop = new AbortController();
  const claim = far.claim(claimRequest, stop.signal);
  stop.abort();
  assert.deepEqual(await claim, []);
  assert.ok(cancelled instanceof Error);

  const request: FinishRequest = { workerId: 'w', taskId: 't', epoch: 3, outcome: { kind: 'erased' } };
  await assert.rejects(far.finish(request), (error) => {
    assert.ok(error instanceof FlotillaError);
    assert.deepEqual(
      [error.code, error.message, error.retry, error.retryAfterMs],
      ['task_lost', 'Somebody else has it.', 'later', 7],
    );
    return true;
  });
  assert.deepEqual(finished, [request]);
});

test('an answer that cannot be copied to the other side is a failure there, and ends nothing', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  let deep: unknown = [];
  for (let level = 0; level < 100_000; level++) deep = [deep];
  const control: Pick<ControlPlane, 'claim'> = { claim: async () => deep as [] };
  answerCalls(port1, control as ControlPlane);
  await assert.rejects(callThrough(port2).claim(claimRequest, new AbortController().signal), { code: 'internal' });
});
