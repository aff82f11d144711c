import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkProxyRule, parseProxyRule, proxied } from './proxies.ts';

const rules = [
  { host: 'a.example.org', proxy: 'http://one:1' },
  { host: 'inside.example.org', proxy: 'direct' },
  { host: '*.example.org', proxy: 'http://two:2' },
  { host: '[::1]', proxy: 'http://three:3' },
];
const cases = [
  ['http://a.example.org:8080/x', 'http://one:1'],
  ['https://b.example.org/', 'http://two:2'],
  ['https://deep.b.EXAMPLE.org/', 'http://two:2'],
  ['https://example.org/', 'http://two:2'],
  ['https://inside.example.org/', undefined],
  ['https://notexample.org/', undefined],
  ['http://[::1]:80/', 'http://three:3'],
] as const;
for (const [link, proxy] of cases) {
  test(`${link} is asked ${proxy === undefined ? 'straight' : `through ${proxy}`}`, () => {
    assert.equal(proxied({}, new URL(link), rules).proxy, proxy);
  });
}

test('a rule for every host fits what no earlier one did, and the own proxy of a download goes before all', () => {
  const all = [...rules, { host: '*', proxy: 'socks5://four:4' }];
  assert.equal(proxied({}, new URL('http://1.2.3.4/'), all).proxy, 'socks5://four:4');
  assert.equal(proxied({}, new URL('http://inside.example.org/'), all).proxy, undefined);
  assert.equal(proxied({ proxy: 'http://own:5' }, new URL('http://a.example.org/'), all).proxy, 'http://own:5');
});

test('HOST=PROXY is read, and what is none is refused without the login', () => {
  assert.deepEqual(parseProxyRule('*.Example.org=http://a:b@p:1'), { host: '*.example.org', proxy: 'http://a:b@p:1' });
  assert.deepEqual(parseProxyRule('*=direct'), { host: '*', proxy: 'direct' });
  assert.throws(() => parseProxyRule('http://a:hidden@p:1'), { code: 'link_invalid', message: /looks like example\.org=/ });
  for (const rule of [
    { host: 'a b', proxy: 'http://a:hidden@p' },
    { host: 'a', proxy: 'ftp://a:hidden@p' },
  ]) {
    assert.throws(
      () => checkProxyRule(rule),
      ({ code, message }) => code === 'link_invalid' && !message.includes('hidden'),
    );
  }
});
