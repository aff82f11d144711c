import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Cookie } from '#core/cookie-file.ts';
import fc from '#testing/fast-check.ts';
import { belongsTo, CookieJar, domainMatches, parseSetCookie, pathMatches } from './cookie-jar.ts';

const nowMs = 1_800_000_000_000;
const page = new URL('https://www.example.org/files/a');
const cookie: Cookie = {
  name: 'a',
  value: 'b',
  domain: 'example.org',
  hostOnly: false,
  path: '/',
  secure: false,
  expiresAtMs: null,
};

describe('where a cookie belongs', () => {
  for (const [host, domain, fits] of [
    ['example.org', 'example.org', true],
    ['www.example.org', 'example.org', true],
    ['badexample.org', 'example.org', false],
    ['example.org', 'www.example.org', false],
    ['1.2.3.4', '3.4', false],
    ['1.2.3.4', '1.2.3.4', true],
  ] as const) {
    test(`${domain} ${fits ? 'is' : 'is not'} for ${host}`, () => assert.equal(domainMatches(host, domain), fits));
  }
  for (const [path, cookiePath, fits] of [
    ['/files', '/files', true],
    ['/files/a', '/files', true],
    ['/files/a', '/files/', true],
    ['/filesystem', '/files', false],
    ['/', '/files', false],
  ] as const) {
    test(`${cookiePath} ${fits ? 'is' : 'is not'} for ${path}`, () => assert.equal(pathMatches(path, cookiePath), fits));
  }
  test('secure cookies only over TLS, host-only ones only to their host', () => {
    assert.equal(belongsTo({ ...cookie, secure: true }, page), true);
    assert.equal(belongsTo({ ...cookie, secure: true }, new URL('http://example.org/')), false);
    assert.equal(belongsTo({ ...cookie, hostOnly: true }, page), false);
  });
});

describe('what servers set', () => {
  const set = (text: string, url = page) => parseSetCookie(url, text, nowMs);
  test('the folder and the host are what it is for, unless it says otherwise', () => {
    assert.deepEqual(set('a=b; HttpOnly'), { ...cookie, domain: 'www.example.org', hostOnly: true, path: '/files' });
    assert.deepEqual(set('a=b; domain=.Example.org; PATH=/'), cookie);
    assert.equal(set('a=b', new URL('https://example.org/x'))?.path, '/');
  });
  test('an end is Max-Age before Expires', () => {
    assert.equal(set('a=b; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT')?.expiresAtMs, nowMs + 10_000);
    assert.equal(set('a=b; Expires=Thu, 01-Jan-1970 00:00:01 GMT')?.expiresAtMs, 1000);
  });
  for (const text of [
    'a=b; Domain=other.example',
    'a=b; Domain=org',
    'a=b; Domain=sub.www.example.org',
    '=',
    'a=\u0001',
    '__Secure-a=b',
    '__Host-a=b; Secure; Path=/x',
    `a=${'x'.repeat(5000)}`,
  ]) {
    test(`${text.slice(0, 40)} is left out`, () => assert.equal(set(text), null));
  }
  test('nobody may set a secure cookie without TLS', () => {
    assert.equal(set('a=b; Secure', new URL('http://www.example.org/')), null);
  });
  test('a later one takes the place of an earlier one, or takes it away', () => {
    const jar = new CookieJar([{ ...cookie, name: 'kept' }]);
    jar.keep(page, ['a=1; Path=/', 'b=2'], nowMs);
    jar.keep(page, ['a=3; Path=/'], nowMs);
    assert.equal(jar.headerFor(page, nowMs), 'b=2; kept=b; a=3');
    jar.keep(page, ['a=; Path=/; Max-Age=0'], nowMs);
    assert.equal(jar.headerFor(page, nowMs), 'b=2; kept=b');
    assert.equal(jar.headerFor(new URL('https://other.example/files/a'), nowMs), null);
  });
  test('no server can fill the memory', () => {
    const jar = new CookieJar([]);
    for (let n = 0; n < 1000; n++) jar.keep(page, ['same=1', `c${n}=1`], nowMs);
    assert.equal(jar.headerFor(page, nowMs)?.split('; ').length, 200);
  });
  test('nothing that is kept can end a header line (fuzz)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const jar = new CookieJar([]);
        jar.keep(page, [text], nowMs);
        assert.match(jar.headerFor(page, nowMs) ?? '', /^[ -~]*$/);
      }),
    );
  });
});
