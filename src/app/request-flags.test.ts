import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { readProxyRules, readRequestFlags, typedProxy } from './request-flags.ts';

test('flags become request options, and what is not given is absent', async (t) => {
  assert.deepEqual(await readRequestFlags({}), {});
  assert.deepEqual(await readRequestFlags({ header: ['A: b'], userAgent: 'x', referer: 'https://example.org/' }), {
    headers: [{ name: 'A', value: 'b' }],
    userAgent: 'x',
    referer: 'https://example.org/',
  });
  const file = join(tempFolder(t), 'cookies.txt');
  const cookies = 'example.org\tTRUE\t/\tTRUE\t0\ta\tb\n';
  writeFileSync(file, cookies);
  assert.deepEqual(await readRequestFlags({ cookies: file }), { cookies });
  assert.deepEqual(await readRequestFlags({ user: 'anna:a:b' }), { user: { name: 'anna', password: 'a:b' } });
  assert.deepEqual(await readRequestFlags({ user: 'anna' }), { user: { name: 'anna', password: '' } });
  const proxy = 'socks5://a:b@127.0.0.1:1080';
  assert.deepEqual(await readRequestFlags({ proxy }), { proxy });
  const link = new URL('http://a.example.org/');
  const rules = readProxyRules({ proxyFor: ['*.example.org=http://rule:1'] });
  assert.equal(typedProxy(link, { proxy }, rules)?.href, proxy);
  assert.equal(typedProxy(link, {}, rules)?.href, 'http://rule:1/');
  assert.equal(typedProxy(link, {}, readProxyRules({})), null);
  const pem = { cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };
  const [cert, key] = [join(tempFolder(t), 'cert'), join(tempFolder(t), 'key')];
  writeFileSync(cert, pem.cert);
  writeFileSync(key, pem.key);
  assert.deepEqual(await readRequestFlags({ ca: cert, cert, key, interface: '127.0.0.1', ipv4: true }), {
    localAddress: '127.0.0.1',
    family: 4,
    ca: pem.cert,
    certificate: pem,
  });
  assert.deepEqual(await readRequestFlags({ ipv6: true }), { family: 6 });
  await assert.rejects(readRequestFlags({ ipv4: true, ipv6: true }), { message: /not both/ });
  await assert.rejects(readRequestFlags({ interface: '127.0.0.1', ipv6: true }), { message: /not of IPv6/ });
  await assert.rejects(readRequestFlags({ interface: 'eth0' }), { message: /address to connect from is not one/ });
  await assert.rejects(readRequestFlags({ cert }), { message: /belong together/ });
  await assert.rejects(readRequestFlags({ cert: key, key: cert }), { message: /not one in PEM form/ });
  assert.deepEqual(await readRequestFlags({ bearer: 'x.y' }), { bearer: 'x.y' });
  await assert.rejects(readRequestFlags({ bearer: 'x', user: 'y' }), { message: /one login only/ });
  await assert.rejects(readRequestFlags({ cookies: '/nowhere' }), { message: /--cookies cannot be read/ });
  await assert.rejects(readRequestFlags({ header: ['Range: bytes=0-1'] }), { code: 'link_invalid' });
});
