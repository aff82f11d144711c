import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { checkRequest, parseHeader, requestFor } from './request.ts';

test('a header is read as a person types it', () => {
  assert.deepEqual(parseHeader('X-Token:  a: b '), { name: 'X-Token', value: 'a: b' });
  assert.deepEqual(parseHeader('X-Empty:'), { name: 'X-Empty', value: '' });
});

for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'CONNECTION', 'Range', 'If-Range', 'Accept-Encoding']) {
  test(`the header ${name} stays Flotilla’s own`, () => {
    assert.throws(() => parseHeader(`${name}: x`), { code: 'link_invalid', message: /sets it itself/ });
  });
}

for (const text of [
  '',
  'no colon',
  ': x',
  'A B: x',
  'A\r\nB: x',
  'Ä: x',
  'A: x\r\nB: y',
  'A: x\ny',
  'A: \0',
  'A: é',
  `A: ${'x'.repeat(9000)}`,
]) {
  test(`${JSON.stringify(text.slice(0, 20))} is refused as a header`, () => {
    assert.throws(() => parseHeader(text), { code: 'link_invalid' });
  });
}

test('what is refused does not tell the secret', () => {
  assert.throws(
    () => parseHeader('Authorization: hidden\nword'),
    (error: Error) => !error.message.includes('hidden'),
  );
});

test('user agent and referer are checked likewise', () => {
  assert.throws(() => checkRequest({ userAgent: 'a\r\nb' }), { code: 'link_invalid' });
  for (const referer of ['page', 'https://a:b@example.org/', 'https://example.org/#x', 'https://example.org/\r\n']) {
    assert.throws(() => checkRequest({ referer }), { code: 'link_invalid' }, referer);
  }
  const fine = { userAgent: 'Mozilla/5.0 (X11)', referer: 'https://example.org/page?a=b' };
  assert.equal(checkRequest(fine), fine);
});

for (const proxy of [
  '',
  'proxy',
  'ftp://a',
  'socks4://a:1',
  'http://',
  'http://a/path',
  'http://a?b',
  'http://a%zz:b@c',
  'http://a:1#x',
]) {
  test(`${JSON.stringify(proxy)} is refused as a proxy`, () => {
    assert.throws(() => checkRequest({ proxy }), { code: 'link_invalid' });
  });
}

test('no header that passes can end its line (fuzz)', () => {
  const letters = fc.constantFrom('a', 'B', '-', ':', ' ', '\t', '\r', '\n', '\0', 'é', '\u2028');
  const text = fc.string({ unit: letters, maxLength: 12 });
  fc.assert(
    fc.property(text, (typed) => {
      try {
        const { name, value } = parseHeader(typed);
        assert.match(`${name}: ${value}`, /^[!-~]+: [\t -~]*$/);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'link_invalid');
      }
    }),
  );
});

test('secrets stay with the origin of the typed link; who we are and how we get there does not matter to whom', () => {
  const link = new URL('https://files.example/a');
  const request = {
    headers: [{ name: 'X-Key', value: 'secret' }],
    user: { name: 'anna', password: 'secret' },
    bearer: 'secret',
    certificate: { cert: 'c', key: 'k' },
    sshKey: 'k',
    userAgent: 'Tester/1',
    proxy: 'http://proxy.example:8080',
  };
  assert.deepEqual(requestFor(request, link, new URL('https://files.example/other')), request);
  for (const server of ['http://files.example/a', 'https://files.example:444/a', 'https://mirror.example/a']) {
    assert.deepEqual(requestFor(request, link, new URL(server)), { userAgent: 'Tester/1', proxy: 'http://proxy.example:8080' });
    assert.deepEqual(requestFor(request, null, new URL(server)), { userAgent: 'Tester/1', proxy: 'http://proxy.example:8080' });
  }
});

test('servers of schemes that have no origin are told apart all the same', () => {
  const request = { user: { name: 'anna', password: 'secret' }, sshKey: 'k' };
  const link = new URL('sftp://files.example/a');
  assert.deepEqual(requestFor(request, link, new URL('sftp://FILES.example/b')), request);
  for (const server of ['sftp://mirror.example/a', 'sftp://files.example:2222/a', 's3://files.example/a']) {
    assert.deepEqual(requestFor(request, link, new URL(server)), {});
  }
});

test('an SSH key may be locked, and a certificate is none', () => {
  const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
  for (const label of ['OPENSSH PRIVATE KEY', 'RSA PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']) checkRequest({ sshKey: pem(label) });
  assert.throws(() => checkRequest({ sshKey: pem('CERTIFICATE') }), {
    code: 'link_invalid',
    message: /The SSH key is not one/,
  });
});
