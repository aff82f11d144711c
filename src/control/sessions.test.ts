import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createSessions, type NewHeld } from './sessions.ts';

const task = (taskId: string): NewHeld => {
  const about = { epoch: 1, workerId: 'w', kind: 'fetch', downloadId: taskId, ownerId: 'anna' } as const;
  return { ...about, taskId, order: null, host: null, limitBytesPerSecond: null };
};

test('an answer of the database is as old as its question, and never takes the place of a younger one', () => {
  const clock = createFakeClock();
  const sessions = createSessions(clock, 15_000);
  const askedAtMonoMs = clock.mono();
  clock.advance(4000);
  const session = sessions.replace('w', [task('old')], askedAtMonoMs);
  assert.equal(session.readAtMonoMs, askedAtMonoMs);
  sessions.replace('w', [task('new')], clock.mono());
  sessions.replace('w', [task('old')], askedAtMonoMs);
  assert.deepEqual([...session.held.keys()], ['new']);
});
