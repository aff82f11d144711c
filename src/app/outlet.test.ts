import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedHosts } from './outlet.ts';

const links = ['http://files.example.org/', 'http://[::1]/', 'http://0x7f.1/', 'http://a.localhost/'].map(
  (link) => new URL(link),
);

test('without a proxy every typed host is looked up', () => {
  const hosts = links.flatMap((link) => typedHosts(link, null));
  assert.deepEqual(hosts, ['files.example.org', '::1', '127.0.0.1', 'a.localhost']);
});

test('names behind a proxy are never looked up here', () => {
  const proxy = new URL('socks5://proxy.example.org:1080');
  const hosts = new Set(links.flatMap((link) => typedHosts(link, proxy)));
  assert.deepEqual([...hosts], ['proxy.example.org', '::1', '127.0.0.1', 'a.localhost']);
});
