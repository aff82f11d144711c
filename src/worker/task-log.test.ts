import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { TaskLog } from './task-log.ts';

function startLog() {
  const clock = createFakeClock();
  const written: string[] = [];
  const log = new TaskLog(clock, (level, message) => written.push(`${level} ${message}`));
  return { clock, log, written, waiting: () => log.waiting().map(({ message }) => message) };
}

test('lines wait until they are taken, with their age', () => {
  const { clock, log, written } = startLog();
  log.say('debug', 'first');
  clock.advance(2000);
  log.say('warn', 'second');
  const lines = [
    { agoMs: 2000, level: 'debug', message: 'first' },
    { agoMs: 0, level: 'warn', message: 'second' },
  ];
  assert.deepEqual(log.waiting(), lines);
  assert.deepEqual(log.waiting(), lines, 'the control plane may have been away');
  log.taken();
  assert.deepEqual(log.waiting(), []);
  assert.deepEqual(written, ['debug first', 'warn second']);
});

test('a line that comes while others are on their way is not taken with them', () => {
  const { log, waiting } = startLog();
  for (let index = 0; index < 199; index++) log.say('debug', `early ${index}`);
  log.waiting();
  for (let index = 0; index < 3; index++) log.say('debug', `late ${index}`);
  log.taken();
  assert.deepEqual(waiting().slice(-3), ['late 0', 'late 1', 'late 2']);
});

test('of too many lines the oldest go, and their number is told', () => {
  const { log, waiting } = startLog();
  for (let index = 0; index < 1000; index++) log.say('debug', `${index} ${'x'.repeat(1000)}`);
  const lines = waiting();
  assert.equal(lines.length, 200);
  assert.equal(lines[0], '801 older lines were left out.');
  assert.match(lines.at(-1) ?? '', /^999 x+$/);
  assert.ok(lines.every((line) => line.length <= 500));
});

test('a failure is told with all that caused it', () => {
  const { log, waiting } = startLog();
  const socket = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  log.sayFailure(
    new FlotillaError('connection_refused', 'Nobody listens.', { cause: new TypeError('fetch failed', { cause: socket }) }),
  );
  assert.deepEqual(waiting(), [
    'FlotillaError connection_refused: Nobody listens.',
    '… because of TypeError: fetch failed',
    '… because of Error ECONNREFUSED: connect ECONNREFUSED',
  ]);
});

test('no line holds a password', () => {
  const { log, waiting } = startLog();
  log.say('debug', 'asks https://anna:hidden@example.org/');
  assert.doesNotMatch(waiting().join(), /hidden/);
});
