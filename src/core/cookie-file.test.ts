import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { canBeSent, parseCookieFile } from './cookie-file.ts';

const nowMs = 1_800_000_000_000;
const line = (...fields: string[]) => fields.join('\t');

test('a cookie file is read as browsers and curl write it', () => {
  const text = [
    '# Netscape HTTP Cookie File',
    '',
    line('.Example.org', 'TRUE', '/', 'TRUE', '1900000000', 'session', 'a=b'),
    `#HttpOnly_${line('example.org', 'FALSE', '/files', 'FALSE', '0', 'id', '')}`,
    line('old.example.org', 'FALSE', '/', 'FALSE', '1700000000', 'gone', 'x'),
    line('example.org', 'FALSE', '/', 'FALSE', '0', 'cut'),
  ].join('\r\n');
  assert.deepEqual(parseCookieFile(`\uFEFF${text}\n`, nowMs), [
    { name: 'session', value: 'a=b', domain: 'example.org', hostOnly: false, path: '/', secure: true, expiresAtMs: 1.9e12 },
    { name: 'id', value: '', domain: 'example.org', hostOnly: true, path: '/files', secure: false, expiresAtMs: null },
    { name: 'cut', value: '', domain: 'example.org', hostOnly: true, path: '/', secure: false, expiresAtMs: null },
  ]);
});

for (const bad of [
  '{"cookies": []}',
  'name=value',
  line('example.org', 'TRUE', '/', 'TRUE', '0'),
  line('example.org', 'YES', '/', 'TRUE', '0', 'a', 'b'),
  line('example.org', 'TRUE', 'files', 'TRUE', '0', 'a', 'b'),
  line('example.org', 'TRUE', '/', 'TRUE', 'soon', 'a', 'b'),
  line('', 'TRUE', '/', 'TRUE', '0', 'a', 'b'),
  line('example.org', 'TRUE', '/', 'TRUE', '0', 'a', 'b', 'c'),
]) {
  test(`${JSON.stringify(bad)} is refused with the number of its line`, () => {
    assert.throws(() => parseCookieFile(`# one\n${bad}\n`, nowMs), {
      code: 'link_invalid',
      message: /^Line 2 of the cookie file/,
    });
  });
}

test('what no header can carry is left out', () => {
  for (const value of ['a;b', 'é', 'a\0b', 'a\x7fb', 'x'.repeat(9000)]) {
    assert.deepEqual(parseCookieFile(line('example.org', 'TRUE', '/', 'TRUE', '0', 'a', value), nowMs), [], value);
  }
});

test('a file that is too large is refused', () => {
  const record = `${line('example.org', 'TRUE', '/', 'TRUE', '0', 'a', 'b')}\n`;
  assert.throws(() => parseCookieFile(record.repeat(20_001), nowMs), { code: 'link_invalid' });
  assert.throws(() => parseCookieFile('#'.repeat(5 * 1024 * 1024), nowMs), { code: 'link_invalid' });
});

test('whatever is read either makes sendable cookies or a sentence (fuzz)', () => {
  const word = fc.constantFrom(
    '\t',
    '\n',
    '\r',
    'TRUE',
    'FALSE',
    '/',
    'example.org',
    '.',
    '0',
    '1900000000',
    '#HttpOnly_',
    '#',
    'é',
    ';',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
        fc.string(),
      ),
      (text) => {
        try {
          for (const cookie of parseCookieFile(text, nowMs)) {
            assert.ok(canBeSent(cookie) && cookie.path.startsWith('/') && cookie.domain !== '');
            assert.ok(cookie.expiresAtMs === null || cookie.expiresAtMs > nowMs);
          }
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'link_invalid');
        }
      },
    ),
  );
});
