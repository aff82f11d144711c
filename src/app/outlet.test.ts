import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedHosts, withServices } from './outlet.ts';

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

test('links to buckets stand for the service that was named, and their own hosts are never looked up', () => {
  const named = (link: string, parameters = {}, settings = {}) =>
    withServices([new URL(link), new URL('http://other.example/')], parameters, settings).map(({ host }) => host);
  const settings = { s3: { endpoint: 'http://10.0.0.1:9000' } };
  assert.deepEqual(named('s3://bucket/key'), ['other.example']);
  assert.deepEqual(named('s3://bucket/key', {}, settings), ['10.0.0.1:9000', 'other.example']);
  assert.deepEqual(named('s3://bucket/key?endpoint=http%3A%2F%2F10.0.0.2', {}, settings), ['10.0.0.2', 'other.example']);
  assert.deepEqual(named('s3://bucket/key', { endpoint: 'http://10.0.0.3' }, settings), ['10.0.0.3', 'other.example']);
  assert.deepEqual(named('magnet:?tr=x&endpoint=http%3A%2F%2F10.0.0.2'), ['', 'other.example']);
});
