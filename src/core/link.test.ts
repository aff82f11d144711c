import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { FlotillaError } from './errors.ts';
import { maxLinkLength, parseLink, showLink } from './link.ts';

const read: [text: string, href: string][] = [
  ['https://example.org/a b.iso'.replace(' ', '%20'), 'https://example.org/a%20b.iso'],
  ['  https://example.org/file.iso\n', 'https://example.org/file.iso'],
  ['<https://example.org/file.iso>', 'https://example.org/file.iso'],
  ['HTTPS://EXAMPLE.org:443/x', 'https://example.org/x'],
  ['http://0x7f.1/', 'http://127.0.0.1/'],
  ['https://пример.рф/файл', 'https://xn--e1afmkfd.xn--p1ai/%D1%84%D0%B0%D0%B9%D0%BB'],
  ['magnet:?xt=urn:btih:abc', 'magnet:?xt=urn:btih:abc'],
];
for (const [text, href] of read)
  test(`${JSON.stringify(text)} is the link ${href}`, () => assert.equal(parseLink(text).href, href));

const refused: [text: string, why: RegExp][] = [
  ['', /is not a link/],
  ['file.iso', /is not a link\. A link looks like https:\/\//],
  ['/etc/passwd', /is not a link/],
  ['https://', /is not a link/],
  ['https://exa mple.org/', /is not a link/],
  ['https://example.org/a b', /is not a link/],
  ['https://example.org/a https://example.org/b', /is not a link/],
  ['http://[::1', /is not a link/],
  [`https://example.org/${'a'.repeat(maxLinkLength)}`, /longer than 8192 characters/],
];
for (const [text, why] of refused) {
  test(`${JSON.stringify(text.slice(0, 50))} is refused in a sentence`, () => {
    assert.throws(() => parseLink(text), { code: 'link_invalid', retry: 'never', message: why });
  });
}

test('a sentence about a bad link does not tell its password', () => {
  assert.throws(
    () => parseLink('https://anna:secret@exa mple.org/'),
    (error: Error) => !error.message.includes('secret'),
  );
});

const shown: [link: string, text: string][] = [
  ['https://anna:secret@example.org/x?y#z', 'https://anna:***@example.org/x?y#z'],
  ['https://anna@example.org/', 'https://anna@example.org/'],
  ['https://:secret@example.org/', 'https://:***@example.org/'],
  ['ftp://anna:s%40@example.org/', 'ftp://anna:***@example.org/'],
  ['https://example.org/', 'https://example.org/'],
];
for (const [link, text] of shown) {
  test(`${link} is shown as ${text}`, () => {
    assert.equal(showLink(link), text);
    assert.equal(showLink(new URL(link)), text);
  });
}

test('no password shows, whatever it is made of', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9:@/?#%]{6,20}$/), (tail) => {
      const password = `pw_${tail}_pw`;
      const url = new URL('https://anna@example.org/x');
      url.password = password;
      assert.ok(!showLink(url).includes(url.password));
      assert.ok(!showLink(showLink(url)).includes('pw_'));
    }),
  );
});

test('whatever comes in, it is a link or refused in words', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl()), (text) => {
      try {
        assert.doesNotMatch(parseLink(text).href, /\s/);
      } catch (error) {
        assert.ok(error instanceof FlotillaError, String(error));
      }
    }),
  );
});
