import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import type { LogDetail, LogLevel } from '#core/log.ts';
import { type LogFormat, openLog } from './log.ts';

/** What one line looks like. */
function lineOf(
  detail: LogDetail,
  { level = 'info' as LogLevel, format = 'json' as LogFormat, message = 'It happened.' } = {},
) {
  const lines: string[] = [];
  openLog({ level: 'debug', format, write: (line) => lines.push(line) })[level](message, detail);
  assert.equal(lines.length, 1);
  return lines[0] ?? '';
}

test('a line is one JSON object with level, time, message and what it is about', () => {
  const { time, ...rest } = JSON.parse(lineOf({ taskId: 't', epoch: 7 }, { level: 'warn' }));
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(rest, { level: 'warn', message: 'It happened.', taskId: 't', epoch: 7 });
});

test('for people a line is a sentence with what it is about, and the stack of an error below it', () => {
  const error = new FlotillaError('busy', 'The database is busy.', { cause: new Error('locked') });
  const text = lineOf({ workerId: 'w 1', epoch: 7, error }, { format: 'text', level: 'error' });
  assert.match(text, /^\d{4}-\S+Z error It happened\. workerId="w 1" epoch=7\nFlotillaError: The database is busy\.\n +at /);
  assert.match(lineOf({}, { format: 'text' }), /^\S+Z It happened\.\n$/);
});

test('a level that is not wanted writes nothing', () => {
  const lines: string[] = [];
  const log = openLog({ level: 'warn', format: 'json', write: (line) => lines.push(line) });
  log.info('quiet');
  log.error('loud');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ['loud'],
  );
});

test('an error is told with its code and its causes', () => {
  const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
  const { error } = JSON.parse(lineOf({ error: new FlotillaError('connection_refused', 'Nobody listens.', { cause }) }));
  assert.deepEqual(
    [error.type, error.code, error.message, error.cause.code, error.cause.message],
    ['FlotillaError', 'connection_refused', 'Nobody listens.', 'ECONNREFUSED', 'connect failed'],
  );
});

const withSecrets: [string, LogDetail][] = [
  ['a link', { link: new URL('https://anna:hidden@example.org/a') }],
  ['a link in a sentence', { note: 'fetching ftp://anna:hidden@example.org/a now' }],
  ['a link in an error', { error: new Error('GET https://anna:hidden@example.org/ failed') }],
  ['a link in the cause of an error', { error: new Error('failed', { cause: new Error('https://a:hidden@b/') }) }],
  ['a header', { headers: [{ name: 'X-Key', value: 'hidden' }] }],
  ['a cookie', { cookie: 'session=hidden' }],
  ['a token in a sentence', { note: 'sent Authorization: Bearer hidden-token' }],
  ['a login in a sentence', { note: 'sent Authorization: Basic hiddenhidden=' }],
  ['how a link is asked for, deep inside', { task: { options: { request: { bearer: 'hidden' } } } }],
  ['a password', { user: { name: 'anna', password: 'hidden' } }],
  ['a claim code', { code: 'HIDDEN-1234-hidden' }],
];

for (const [what, detail] of withSecrets) {
  for (const format of ['json', 'text'] as const) {
    test(`${what} shows no secret in ${format}`, () => assert.doesNotMatch(lineOf(detail, { format }), /hidden/i));
  }
}

test('the message itself shows no secret', () => {
  assert.doesNotMatch(lineOf({}, { message: 'The proxy http://me:hidden@proxy:8080 refused.' }), /hidden/);
});

test('the code of a failure is no secret', () => assert.match(lineOf({ failure: { code: 'not_found' } }), /not_found/));

test('what turns in a circle or is very large is cut', () => {
  const circle: Record<string, unknown> = { text: 'x'.repeat(100_000) };
  circle.self = circle;
  assert.ok(lineOf(circle).length < 100_000);
});
