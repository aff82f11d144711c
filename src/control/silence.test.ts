import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerRecord } from '#core/store.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createSessions } from './sessions.ts';
import { createSilence } from './silence.ts';
import { startControl, startWorker } from './testing/start-control.ts';

const leaseMs = 30_000;
const records = [{ id: 'w', state: 'online', beat: 1 }] as WorkerRecord[];

function startSilence() {
  const clock = createFakeClock();
  const silence = createSilence(clock, createSessions(clock, 15_000), leaseMs / 1000);
  /** Lets time pass, and looks. */
  const isSilentAfter = (passedMs: number, workers = records) => {
    clock.advance(passedMs);
    return silence.look(workers).length > 0;
  };
  assert.equal(isSilentAfter(0), false);
  return { clock, silence, isSilentAfter };
}

test('a worker of which nobody hears anything is silent after a whole lease', () => {
  const { isSilentAfter } = startSilence();
  for (let passedMs = 1000; passedMs < leaseMs; passedMs += 1000) assert.equal(isSilentAfter(1000), false);
  assert.equal(isSilentAfter(1000), true);
});

test('a beat that another replica wrote begins the lease anew', () => {
  const { isSilentAfter } = startSilence();
  const beaten = [{ ...records[0], beat: 2 }] as WorkerRecord[];
  for (let count = 0; count < 25; count++) assert.equal(isSilentAfter(1000), false);
  assert.equal(isSilentAfter(1000, beaten), false);
  for (let count = 1; count < 30; count++) assert.equal(isSilentAfter(1000, beaten), false);
  assert.equal(isSilentAfter(1000, beaten), true);
});

test('an hour in which nobody looked, because the process stood still, is no hour of silence', () => {
  const { isSilentAfter } = startSilence();
  assert.equal(isSilentAfter(60 * 60_000), false);
  assert.equal(isSilentAfter(9000), false);
});

test('time in which the database could not be asked is no silence', () => {
  const { clock, silence, isSilentAfter } = startSilence();
  for (let round = 0; round < 20; round++) {
    clock.advance(9000);
    silence.miss();
    assert.equal(isSilentAfter(1000), false);
  }
});

test('a worker that another replica hears of between the look and the verdict is not given up', async (t) => {
  const under = await startControl(t);
  const { id } = await startWorker(under);
  await under.pass(leaseMs - 1000);
  under.clock.advance(1000);
  const sweeping = under.control.sweep();
  const beating = under.store.write((tx) => tx.workers.addBeats([{ id, seenAtMs: under.clock.now() }]));
  await Promise.all([sweeping, beating]);
  assert.equal((await under.control.workers())[0]?.state, 'online');
  // The round after this one learns of the beat.
  await under.pass(leaseMs + 1000);
  assert.equal((await under.control.workers())[0]?.state, 'lost');
});
