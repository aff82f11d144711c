import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noRequest, toRequest } from './request.ts';

test('what was not typed is not given', () => {
  assert.equal(toRequest(noRequest), undefined);
  assert.equal(toRequest({ ...noRequest, headers: ' \n', login: 'user', cookies: '\n', bearer: 'x' }), undefined);
});

test('every field becomes its part of the request', () => {
  const typed = { referer: ' https://a.example/ ', userAgent: 'Mozilla/5.0', proxy: 'socks5://p:1', cookies: 'a\tb\n' };
  assert.deepEqual(
    toRequest({ ...noRequest, ...typed, headers: 'X-A: 1\n\nX-B:a:b', login: 'user', user: 'anna', password: ' p ' }),
    {
      user: { name: 'anna', password: ' p ' },
      headers: [
        { name: 'X-A', value: '1' },
        { name: 'X-B', value: 'a:b' },
      ],
      referer: 'https://a.example/',
      userAgent: 'Mozilla/5.0',
      cookies: 'a\tb\n',
      proxy: 'socks5://p:1',
    },
  );
  assert.deepEqual(toRequest({ ...noRequest, login: 'bearer', bearer: ' t ', user: 'anna' }), { bearer: 't' });
});

test('a header without a name is noticed before it is sent', () => {
  for (const headers of ['nonsense', ': value', 'A: b\nc']) assert.equal(toRequest({ ...noRequest, headers }), null);
});
